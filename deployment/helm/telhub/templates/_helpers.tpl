{{- define "telhub.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Leaves room for the name of a kind of board. */ -}}
{{- define "telhub.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "telhub.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "telhub.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "telhub.selector" -}}
app.kubernetes.io/name: {{ include "telhub.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "telhub.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: telhub
{{ include "telhub.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Without versions: a new chart does not restart what it does not change. */ -}}
{{- define "telhub.podLabels" -}}
app.kubernetes.io/part-of: telhub
{{ include "telhub.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "telhub.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "telhub.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "telhub.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "telhub.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.securityContext.user }}
runAsGroup: {{ .Values.securityContext.group }}
fsGroup: {{ .Values.securityContext.group }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "telhub.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ .Values.securityContext.user }}
runAsGroup: {{ .Values.securityContext.group }}
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* What depends on the pod goes before the file. The page listens on the pod's
       addresses, IPv4 and IPv6, because the kubelet asks it for health there. */ -}}
{{- define "telhub.env" -}}
- name: TELEMETRY_HTTP_LISTEN
  value: {{ printf ":%v" .Values.http.port | quote }}
- name: TELEMETRY_SPOOL_PATH
  value: /var/lib/telhub
- name: CREDENTIALS_DIRECTORY
  value: /run/secrets/telhub
{{- with .Values.redis.url }}
- name: TELEMETRY_REDIS_URL
  value: {{ . | quote }}
{{- end }}
{{- end -}}
