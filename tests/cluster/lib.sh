# shellcheck shell=bash
# Shared by the scripts beside it; source it, do not run it.
#
# Settings (environment):
#   TAXIWAY_CLUSTER_CACHE   compiled programs and docker's images, kept for good
#                           (default ${XDG_CACHE_HOME:-~/.cache}/taxiway)
#   TAXIWAY_CLUSTER_STATE   everything that belongs to what runs now
#                           (default ${XDG_STATE_HOME:-~/.local/state}/taxiway-cluster)
#   TAXIWAY_CLUSTER_GPUS    fake nvidia.com/gpu devices on the node (default 2)
#   DOCKER_HOST             the docker engine to use (default: the machine's own if
#                           it runs, else the one that docker-up starts)

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${TAXIWAY_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/taxiway}
STATES=${TAXIWAY_CLUSTER_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/taxiway-cluster}
STATE=$STATES/cluster
ENGINE=$STATES/docker
BIN=$CACHE/bin

# The addresses are fixed, so one machine runs one cluster at a time. Pods live
# in 10.244.0.0/24 behind the bridge cni0; the bridge's own address, 10.244.0.1,
# is the node's, the API server's and the DNS server's address, so that pods
# reach all three and nothing listens on the machine's outer interfaces.
export NODE=taxiway
export NODE_IP=10.244.0.1
export POD_CIDR=10.244.0.0/24
export SERVICE_CIDR=10.96.0.0/16
export SERVICE_IP=10.96.0.1 # the first address of SERVICE_CIDR: "kubernetes"
export DOMAIN=cluster.local
export API=https://$NODE_IP:6443
export CRI=$STATE/containerd.sock

PATH=$BIN:$PATH:/usr/sbin:/sbin
export PATH KUBECONFIG=$STATE/admin.kubeconfig

if [ -z "${DOCKER_HOST:-}" ]; then
	DOCKER_HOST=unix:///var/run/docker.sock
	{ [ -S "${DOCKER_HOST#unix://}" ] && docker info >/dev/null 2>&1; } || DOCKER_HOST=unix://$ENGINE/docker.sock
fi
export DOCKER_HOST

# Messages go to standard error: standard output is for results.
say() { printf '%s\n' "$*" >&2; }
die() {
	say "$(basename "$0"): $*"
	exit 1
}

need_root() { [ "$(id -u)" = 0 ] || die "must run as root"; }

# One script at a time works on a state folder, or on the cache.
lock() { # FOLDER
	mkdir -p "$1"
	exec 9>"$1/.lock"
	flock 9
}

# Containers must not send larger packets than the way out of the machine takes.
largest_packet() {
	local device mtu
	device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
	mtu=$(cat "/sys/class/net/${device:-lo}/mtu")
	echo $((mtu < 1500 ? mtu : 1500))
}

# --- programs --------------------------------------------------------------

# want PACKAGE COMMAND...: note the Debian package if a command is missing.
missing=()
want() {
	local package=$1 command
	shift
	for command; do
		command -v "$command" >/dev/null || { missing+=("$package") && return; }
	done
}

install_missing() {
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "please install what Debian calls: ${missing[*]}"
	say "installing ${missing[*]}"
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" >&2
	missing=()
}

# go_build LABEL FOLDER LDFLAGS PACKAGE...: compile PACKAGEs, with the versions
# that FOLDER/go.mod and go.sum fix (FOLDER is below go/), into $BIN: several under
# their own names, a single one as LABEL. A stamp of all inputs makes a second run
# a no-op.
go_build() {
	local label=$1 folder=$2 ldflags=$3 stamp=$BIN/.stamp-$1 output=$BIN/ sum t0=$SECONDS
	shift 3
	[ $# -gt 1 ] || output=$BIN/$label
	[[ $folder = /* ]] || folder=$HERE/go/$folder
	command -v go >/dev/null || die "the Go toolchain is needed to build $label"
	sum=$({
		printf '%s\n' "$ldflags" "$@"
		go env GOVERSION
		find "$folder" -type f -print0 | sort -z | xargs -0 cat
	} | sha256sum)
	if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then return; fi
	say "building $label"
	mkdir -p "$BIN"
	# Static programs need no C compiler and run in any container.
	(cd "$folder" && CGO_ENABLED=0 GOFLAGS='-buildvcs=false -trimpath' \
		go build -ldflags "-s -w $ldflags" -o "$output" "$@") >&2
	printf '%s\n' "$sum" >"$stamp"
	say "built $label in $((SECONDS - t0)) s"
}

# module FOLDER MODULE: where the Go tools keep the source of a module that
# FOLDER/go.mod names; its manifests are there too.
module() { (cd "$HERE/go/$1" && go mod download "$2" && go list -m -f '{{.Dir}}' "$2"); }

# --- images ------------------------------------------------------------------

in_cluster() { ctr -a "$CRI" -n k8s.io images ls -q | grep -qx "docker.io/library/$1"; }

# program_image PROGRAM: give the cluster an image that holds only $BIN/PROGRAM,
# as /manager, for an ordinary user to run; print its name.
program_image() {
	local image
	image=taxiway-$1:$(sha256sum "$BIN/$1" | cut -c1-12)
	if ! docker image inspect "$image" >/dev/null 2>&1; then
		tar -C "$BIN" --transform 's/.*/manager/' -c "$1" |
			docker import --change 'ENTRYPOINT ["/manager"]' --change 'USER 65532:65532' \
				- "$image" >/dev/null
	fi
	in_cluster "$image" || "$HERE/load" "$image" >/dev/null
	echo "$image"
}

# install NAME SOURCE: apply the manifests that SOURCE (a kustomize folder, or
# "-" for none) makes, changed as the kustomization on standard input says.
install() {
	local name=$1 source=$2 work=$STATE/addons/$1
	mkdir -p "$work"
	cat >"$work/kustomization.yaml"
	[ "$source" = - ] || kubectl kustomize "$source" 2>/dev/null >"$work/source.yaml"
	say "installing $name"
	kubectl kustomize "$work" >"$work/all.yaml"
	kubectl apply --server-side --force-conflicts -f "$work/all.yaml" >"$work/apply.log" 2>&1 ||
		{ cat "$work/apply.log" >&2 && die "$name cannot be installed"; }
}

# --- processes -------------------------------------------------------------
# A pid file holds the pid and its start time, so that a stale file can never
# name somebody else's process.

started_at() { # PID: its start time; nothing if it is gone, or ended but not yet reaped
	awk '{sub(/.*\) /, ""); if ($1 != "Z") print $20}' "/proc/$1/stat" 2>/dev/null || true
}

alive() { # NAME
	local pid start
	[ -e "$STATE/run/$1.pid" ] || return 1
	read -r pid start <"$STATE/run/$1.pid"
	[ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}

start() { # NAME COMMAND...: run in the background unless it runs already
	local name=$1 pid
	shift
	if alive "$name"; then return; fi
	mkdir -p "$STATE/run" "$STATE/logs"
	say "starting $name"
	setsid "$@" </dev/null >>"$STATE/logs/$name.log" 2>&1 9>&- &
	pid=$!
	printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$STATE/run/$name.pid"
}

stop() { # SIGNAL NAME...: send it to all, then wait; by force after 20 s
	local signal=$1 name pid end
	shift
	for name; do
		if alive "$name"; then
			say "stopping $name"
			read -r pid _ <"$STATE/run/$name.pid"
			kill -s "$signal" "$pid" 2>/dev/null || true
		fi
	done
	end=$((SECONDS + 20))
	for name; do
		while alive "$name" && [ $SECONDS -lt $end ]; do sleep 0.1; done
		if alive "$name"; then
			read -r pid _ <"$STATE/run/$name.pid"
			kill -s KILL "$pid" 2>/dev/null || true
		fi
		rm -f "$STATE/run/$name.pid"
	done
}

# wait_for SECONDS WHAT NAME COMMAND...: until COMMAND succeeds; gives up early,
# with the end of its log, if the process NAME has died ("-": no process).
wait_for() {
	local seconds=$1 what=$2 name=$3 end last
	shift 3
	end=$((SECONDS + seconds))
	until last=$("$@" 2>&1); do
		if [ "$name" != - ] && ! alive "$name"; then
			tail -n 20 "$STATE/logs/$name.log" >&2
			die "$name has died while waiting for $what"
		fi
		[ $SECONDS -lt $end ] || die "no $what after $seconds s: $last (logs: $STATE/logs)"
		sleep 0.3
	done
}

# unmount FOLDER: whatever is mounted below it, innermost first.
unmount() {
	local mount
	awk -v top="$1/" 'index($5, top) == 1 {print $5}' /proc/self/mountinfo | sort -r |
		while read -r mount; do
			mount=$(printf '%b' "$mount")
			umount "$mount" 2>/dev/null || umount -l "$mount" || true
		done
}

# --- certificates ----------------------------------------------------------

# cert NAME SUBJECT SAN: a certificate of the cluster's own authority.
cert() {
	local name=$1 subject=$2 san=$3 pki=$STATE/pki
	if [ -e "$pki/$name.crt" ]; then return; fi
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-keyout "$pki/$name.key" -out "$pki/$name.csr" -subj "$subject" 2>/dev/null
	openssl x509 -req -in "$pki/$name.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" \
		-CAcreateserial -days 3650 -out "$pki/$name.crt" 2>/dev/null \
		-extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$san")
	rm "$pki/$name.csr"
}

# kubeconfig NAME SUBJECT: $STATE/NAME.kubeconfig for a user of that subject.
kubeconfig() {
	local name=$1 pki=$STATE/pki
	cert "$name" "$2" "DNS:$name"
	(umask 077 && cat >"$STATE/$name.kubeconfig") <<-EOF
		apiVersion: v1
		kind: Config
		clusters:
		- name: taxiway
		  cluster:
		    server: $API
		    certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
		users:
		- name: $name
		  user:
		    client-certificate-data: $(base64 -w0 "$pki/$name.crt")
		    client-key-data: $(base64 -w0 "$pki/$name.key")
		contexts:
		- name: taxiway
		  context: {cluster: taxiway, user: $name}
		current-context: taxiway
	EOF
}
