{{/* What the check asks, as JSON. */}}
{{- define "taxiway.asked" -}}
{{- $rights := list -}}
{{- if .Values.training.enabled -}}
{{- $rights = append $rights (dict "namespace" .Values.training.namespace.name "rules" (include "taxiway.launcherRules" . | fromYamlArray)) -}}
{{- end -}}
{{- if .Values.serving.enabled -}}
{{- $rights = append $rights (dict "namespace" .Values.serving.namespace.name "rules" (include "taxiway.deployerRules" . | fromYamlArray)) -}}
{{- end -}}
{{- dict "airflow" .Values.airflow.namespace "accounts" (include "taxiway.accounts" . | fromYamlArray) "gpu" .Values.check.gpu "store" (ternary .Values.store.uri "" .Values.check.store) "rights" $rights | toJson }}
{{- end }}

{{/* The metadata of an object of the check; a list of suffix, namespace (empty: of the whole cluster), weight and root. */}}
{{- define "taxiway.checkMetadata" -}}
name: {{ include "taxiway.name" (index . 3) }}-check{{ index . 0 }}
{{- with index . 1 }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "taxiway.labels" (index . 3) | nindent 2 }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade,post-install,post-upgrade,test
  helm.sh/hook-weight: {{ index . 2 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* The Job; a list of when (before or after), the hooks and the root. */}}
{{- define "taxiway.checkJob" -}}
{{- $root := index . 2 -}}{{- $check := $root.Values.check -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "taxiway.name" $root }}-check-{{ index . 0 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "taxiway.labels" $root | nindent 4 }}
  annotations:
    helm.sh/hook: {{ index . 1 }}
    helm.sh/hook-weight: "1"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 0
  activeDeadlineSeconds: 240
  template:
    metadata:
      labels:
        {{- include "taxiway.labels" $root | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "taxiway.name" $root }}-check
      enableServiceLinks: false
      securityContext:
        {{- include "taxiway.podSecurity" $root | nindent 8 }}
        runAsUser: 10001
      containers:
        - name: check
          image: {{ $check.image }}
          imagePullPolicy: {{ $check.imagePullPolicy }}
          command: [python, /check/check.py, {{ index . 0 }}, /check/asked.json]
          {{- if and (eq (index . 0) "before") $check.store $root.Values.store.secret }}
          envFrom:
            - secretRef: {name: {{ $root.Values.store.secret }}}
          {{- end }}
          {{- with $check.env }}
          env:
            {{- range $key, $value := . }}
            - {name: {{ $key }}, value: {{ $value | quote }}}
            {{- end }}
          {{- end }}
          resources:
            requests: {cpu: 50m, memory: 128Mi}
            limits: {memory: 512Mi}
          terminationMessagePolicy: FallbackToLogsOnError
          securityContext:
            {{- include "taxiway.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - {name: check, mountPath: /check, readOnly: true}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - {name: check, configMap: {name: {{ include "taxiway.name" $root }}-check}}
        - {name: tmp, emptyDir: {}}
{{- end }}
