{{/* Labels of every object. */}}
{{- define "taxiway.labels" -}}
app.kubernetes.io/name: taxiway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What this release's own objects are called; short, for suffixes to fit. */}}
{{- define "taxiway.name" -}}
{{- if contains "taxiway" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-taxiway" .Release.Name }}{{ end }}
{{- end }}

{{/* Airflow's accounts, once each, as a YAML list. */}}
{{- define "taxiway.accounts" -}}
{{- $accounts := .Values.airflow.accounts -}}
{{- concat (list $accounts.worker $accounts.triggerer $accounts.scheduler) $accounts.others | uniq | toYaml }}
{{- end }}

{{/* The same as subjects of a binding. */}}
{{- define "taxiway.subjects" -}}
{{- range include "taxiway.accounts" . | fromYamlArray }}
- {kind: ServiceAccount, name: {{ . }}, namespace: {{ $.Values.airflow.namespace }}}
{{- end }}
{{- end }}

{{/* What launching, watching, reading and ending jobs takes: each verb that Taxiway uses, and no other. */}}
{{- define "taxiway.launcherRules" -}}
- {apiGroups: [""], resources: [pods], verbs: [create, get, list, delete]}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
- {apiGroups: [""], resources: [events], verbs: [list]}
- {apiGroups: [""], resources: [services], verbs: [create]}
- {apiGroups: [batch], resources: [jobs], verbs: [create, get, delete]}
{{- if .Values.training.jobSets }}
- {apiGroups: [jobset.x-k8s.io], resources: [jobsets], verbs: [create, get, delete]}
{{- end }}
{{- if .Values.training.queues }}
- {apiGroups: [kueue.x-k8s.io], resources: [workloads], verbs: [list]}
{{- end }}
{{- with .Values.training.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What deploying a service, and moving its traffic, takes. */}}
{{- define "taxiway.deployerRules" -}}
- {apiGroups: [apps], resources: [deployments], verbs: [create, patch, get, list, delete]}
- {apiGroups: [""], resources: [services], verbs: [create, patch, get, list, delete]}
- {apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [create, patch, get, list, delete]}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [create, patch, list, delete]}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [create, patch, list, delete]}
- {apiGroups: [""], resources: [pods], verbs: [list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
- {apiGroups: [""], resources: [pods/proxy], verbs: [get]}
- {apiGroups: [""], resources: [services/proxy], verbs: [get, create]}
{{- if .Values.serving.kserve }}
- {apiGroups: [serving.kserve.io], resources: [inferenceservices], verbs: [create, patch, get, list, delete]}
- {apiGroups: [serving.kserve.io], resources: [servingruntimes], verbs: [create, patch, list, delete]}
{{- end }}
{{- with .Values.serving.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A namespace; the argument is a list of it and the root. */}}
{{- define "taxiway.namespace" -}}
{{- $ns := index . 0 -}}{{- $root := index . 1 -}}
apiVersion: v1
kind: Namespace
metadata:
  name: {{ $ns.name }}
  labels:
    {{- include "taxiway.labels" $root | nindent 4 }}
    pod-security.kubernetes.io/enforce: {{ $ns.podSecurity }}
    pod-security.kubernetes.io/warn: {{ $ns.podSecurity }}
    {{- with $ns.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if $ns.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
{{- end }}

{{/* A Role and its binding to Airflow's accounts; the argument is a list of name, namespace, rules and root. */}}
{{- define "taxiway.role" -}}
{{- $root := index . 3 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ index . 0 }}
  namespace: {{ index . 1 }}
  labels:
    {{- include "taxiway.labels" $root | nindent 4 }}
rules:
  {{- index . 2 | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ index . 0 }}
  namespace: {{ index . 1 }}
  labels:
    {{- include "taxiway.labels" $root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ index . 0 }}}
subjects:
  {{- include "taxiway.subjects" $root | nindent 2 }}
{{- end }}

{{/* Egress to name servers, and to what was named or else TCP port 443; the argument is what was named. */}}
{{- define "taxiway.egress" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- if . }}
{{ toYaml . }}
{{- else }}
- to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
    - ipBlock: {cidr: "::/0", except: ["fe80::/10"]}
  ports:
    - {protocol: TCP, port: 443}
{{- end }}
{{- end }}

{{/* What makes a container pass the Pod Security level `restricted`. */}}
{{- define "taxiway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
{{- define "taxiway.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* A pod template of the values, with the account and the store's Secret that jobs have; a list of it and the root. */}}
{{- define "taxiway.podTemplate" -}}
{{- $pod := deepCopy (index . 0) -}}{{- $values := (index . 1).Values -}}
{{- $spec := mergeOverwrite (dict "serviceAccountName" $values.training.account.name) ($pod.spec | default dict) -}}
{{- if $values.store.secret -}}
  {{- $store := list (dict "secretRef" (dict "name" $values.store.secret)) -}}
  {{- $base := dict "name" "base" -}}{{- $others := list -}}
  {{- range $spec.containers | default list -}}
    {{- if eq .name "base" -}}{{- $base = . -}}{{- else -}}{{- $others = append $others . -}}{{- end -}}
  {{- end -}}
  {{- $base = mergeOverwrite $base (dict "envFrom" (concat ($base.envFrom | default list) $store)) -}}
  {{- $_ := set $spec "containers" (prepend $others $base) -}}
{{- end -}}
{{- dict "apiVersion" "v1" "kind" "Pod" "metadata" ($pod.metadata | default dict) "spec" $spec | toYaml }}
{{- end }}

{{/* The resource profiles as Taxiway reads them, as JSON: `template` is replaced by the pod that it names. */}}
{{- define "taxiway.profiles" -}}
{{- $profiles := dict -}}
{{- range $name, $profile := .Values.training.profiles -}}
  {{- $fields := omit $profile "template" -}}
  {{- with $profile.template -}}
    {{- $pod := get $.Values.training.templates . | required (printf "training.profiles.%s: there is no training.templates.%s" $name .) -}}
    {{- $_ := set $fields "pod_template" (include "taxiway.podTemplate" (list $pod $) | fromYaml) -}}
  {{- end -}}
  {{- with $profile.larger -}}
    {{- $_ := get $.Values.training.profiles . | required (printf "training.profiles.%s: there is no training.profiles.%s" $name .) -}}
  {{- end -}}
  {{- $_ := set $profiles $name $fields -}}
{{- end -}}
{{- $profiles | toJson }}
{{- end }}
