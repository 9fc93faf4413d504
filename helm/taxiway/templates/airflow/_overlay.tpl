{{/* What the values of the Airflow release need so that it finds all this. */}}
{{- define "taxiway.overlay" -}}
{{- $name := include "taxiway.name" . -}}
images:
  airflow:
    repository: REGISTRY/taxiway-airflow
    tag: {{ .Chart.AppVersion | quote }}
{{- if or .Values.airflow.config .Values.store.secret }}
extraEnvFrom: |
{{- if .Values.airflow.config }}
  - configMapRef: {name: {{ $name }}-airflow}
{{- end }}
{{- with .Values.store.secret }}
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}
{{- if and .Values.airflow.config .Values.training.enabled }}
volumes:
  - name: taxiway-pod-templates
    configMap: {name: {{ $name }}-pod-templates}
volumeMounts:
  - {name: taxiway-pod-templates, mountPath: /opt/airflow/pod-templates, readOnly: true}
{{- end }}
dagProcessor:
  dagBundleConfigList:
    - name: dags-folder
      classpath: airflow.dag_processing.bundles.local.LocalDagBundle
      kwargs: {}
    # Of a repository with a connection of its own; it needs apache-airflow-providers-git. Leave it out if yours has the DAGs.
    - name: taxiway
      classpath: airflow.providers.git.bundles.git.GitDagBundle
      kwargs: {git_conn_id: taxiway_dags, tracking_ref: main, subdir: dags}
{{- end }}
