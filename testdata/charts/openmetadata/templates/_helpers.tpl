{{- define "om.selector" -}}
app.kubernetes.io/name: openmetadata
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "om.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "om.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "om.image" -}}
"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
{{- end }}

{{- define "om.env" -}}
- name: DB_USER_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.passwordSecret.name }}
      key: {{ .Values.database.passwordSecret.key }}
- name: AIRFLOW_PASSWORD
  valueFrom:
    secretKeyRef:
      name: airflow-secrets
      key: openmetadata-airflow-password
{{- with .Values.extraEnvs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "om.envFrom" -}}
{{- range list "config" "omd" "db" "search" "authorizer" "secretsmanager" "web" "authentication" "eventmonitor" "pipeline" "jwt" "fernetkey" }}
- secretRef:
    name: openmetadata-{{ . }}-secret
{{- end }}
{{- end }}

{{- /* Some values carry literal quotes inside the Secret, as the official chart writes them. */}}
{{- define "om.quoted" -}}
{{ printf "%q" (toString .) | b64enc }}
{{- end }}
