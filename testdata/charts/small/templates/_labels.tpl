{{- define "small.selector" -}}
app.kubernetes.io/name: small
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "small.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "small.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
