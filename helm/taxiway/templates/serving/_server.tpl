{{/* What the objects of a server are selected by; a list of its name and the root. */}}
{{- define "taxiway.serverSelector" -}}
app.kubernetes.io/instance: {{ (index . 1).Release.Name }}
taxiway.dev/service: {{ index . 0 }}
{{- end }}

{{/* The metadata of an object of a server; a list of its name and the root. */}}
{{- define "taxiway.serverMetadata" -}}
name: {{ index . 0 }}
namespace: {{ (index . 1).Values.serving.namespace.name }}
labels:
  {{- include "taxiway.labels" (index . 1) | nindent 2 }}
  taxiway.dev/service: {{ index . 0 }}
{{- end }}

{{/* The arguments of a server; a list of its name, its values and the root. */}}
{{- define "taxiway.serverArguments" -}}
{{- $given := index . 1 -}}
{{- if eq (empty $given.access.tokens) (not $given.access.everybody) -}}
{{- fail (printf "serving.services.%s.access: say who may ask: tokens, the name of a Secret, or everybody: true" (index . 0)) -}}
{{- end -}}
- --service={{ index . 0 }}
- --store={{ (index . 2).Values.store.uri }}
- --port=8080
- --lame-s=5
- --drain-s=20
{{- if $given.access.everybody }}
- --no-auth
{{- else }}
- --tokens=/var/run/taxiway/access/tokens
{{- end }}
{{- if $given.tls }}
- --certificate=/var/run/taxiway/tls/tls.crt
- --certificate-key=/var/run/taxiway/tls/tls.key
{{- else }}
- --plain-http
{{- end }}
{{- if $given.serviceMonitor }}
- --open-metrics
{{- end }}
{{- with $given.args }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A probe of a server: its path, the scheme, and how patient it is. */}}
{{- define "taxiway.serverProbe" -}}
httpGet: {path: {{ index . 0 }}, port: http, scheme: {{ if (index . 1).tls }}HTTPS{{ else }}HTTP{{ end }}}
periodSeconds: {{ index . 2 }}
timeoutSeconds: 5
{{- end }}

{{/* The Deployment of a server; a list of its name, its values and the root. */}}
{{- define "taxiway.deployment" -}}
{{- $name := index . 0 -}}{{- $given := index . 1 -}}{{- $root := index . 2 -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "taxiway.serverMetadata" (list $name $root) | nindent 2 }}
spec:
  {{- if le (int $given.maxReplicas) (int $given.replicas) }}
  replicas: {{ $given.replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "taxiway.serverSelector" (list $name $root) | nindent 6 }}
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  template:
    metadata:
      labels:
        {{- include "taxiway.labels" $root | nindent 8 }}
        taxiway.dev/service: {{ $name }}
    spec:
      serviceAccountName: {{ $root.Values.serving.account.name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 35
      securityContext:
        {{- include "taxiway.podSecurity" . | nindent 8 }}
      {{- with $given.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $given.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: server
          image: {{ $given.image }}
          imagePullPolicy: {{ $given.imagePullPolicy }}
          args:
            {{- include "taxiway.serverArguments" . | nindent 12 }}
          ports:
            - {name: http, containerPort: 8080}
          {{- with $root.Values.store.secret }}
          envFrom:
            - secretRef: {name: {{ . }}}
          {{- end }}
          {{- with $given.env }}
          env:
            {{- range $key, $value := . }}
            - {name: {{ $key }}, value: {{ $value | quote }}}
            {{- end }}
          {{- end }}
          resources:
            {{- toYaml $given.resources | nindent 12 }}
          securityContext:
            {{- include "taxiway.containerSecurity" . | nindent 12 }}
          startupProbe:
            {{- include "taxiway.serverProbe" (list "/v2/health/live" $given 2) | nindent 12 }}
            failureThreshold: 60
          livenessProbe:
            {{- include "taxiway.serverProbe" (list "/v2/health/live" $given 10) | nindent 12 }}
          readinessProbe:
            {{- include "taxiway.serverProbe" (list "/v2/health/ready" $given 3) | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if $given.access.tokens }}
            - {name: access, mountPath: /var/run/taxiway/access, readOnly: true}
            {{- end }}
            {{- if $given.tls }}
            - {name: tls, mountPath: /var/run/taxiway/tls, readOnly: true}
            {{- end }}
      volumes:
        - {name: tmp, emptyDir: {sizeLimit: {{ $given.scratch }}}}
        {{- with $given.access.tokens }}
        - {name: access, secret: {secretName: {{ . }}}}
        {{- end }}
        {{- with $given.tls }}
        - {name: tls, secret: {secretName: {{ . }}}}
        {{- end }}
{{- end }}
