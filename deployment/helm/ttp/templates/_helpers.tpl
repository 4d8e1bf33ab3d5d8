{{- define "ttp.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "ttp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "ttp.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "ttp.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ttp.selector" -}}
app.kubernetes.io/name: {{ include "ttp.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ttp.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: telhub
{{ include "ttp.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Without versions: a new chart does not restart what it does not change. */ -}}
{{- define "ttp.podLabels" -}}
app.kubernetes.io/part-of: telhub
{{ include "ttp.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ttp.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ttp.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "ttp.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "ttp.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.securityContext.user }}
runAsGroup: {{ .Values.securityContext.group }}
fsGroup: {{ .Values.securityContext.group }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "ttp.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ .Values.securityContext.user }}
runAsGroup: {{ .Values.securityContext.group }}
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* What Kubernetes depends on goes before the file. Metrics are served on the pod's
       addresses, IPv4 and IPv6, because the kubelet asks there for health. */ -}}
{{- define "ttp.env" -}}
- name: TTP_HTTP_LISTEN
  value: {{ printf ":%v" .Values.http.port | quote }}
- name: CREDENTIALS_DIRECTORY
  value: /run/secrets/ttp
- name: TTP_REDIS_URL
  value: {{ .Values.redis.url | quote }}
- name: TTP_QUEUE_PREFIX
  value: {{ .Values.queue.prefix | quote }}
- name: TTP_QUEUE_SHARDS
  value: {{ .Values.queue.shards | quote }}
- name: TTP_WORKER_QUEUES
  value: {{ join "," .Values.queue.queues | quote }}
- name: TTP_WORKER_COUNT
  value: {{ .Values.workers | quote }}
- name: TTP_WORKER_GRACE
  value: {{ printf "%vs" .Values.graceSeconds | quote }}
{{- with .Values.postgres.url }}
- name: TTP_POSTGRES_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.telemetry.stream }}
- name: TTP_TELEMETRY_STREAM
  value: {{ . | quote }}
- name: TTP_TELEMETRY_SHARDS
  value: {{ $.Values.telemetry.shards | quote }}
{{- end }}
{{- with .Values.goMemLimit }}
- name: GOMEMLIMIT
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "ttp.mounts" -}}
- name: config
  mountPath: /etc/ttp
  readOnly: true
{{- if .Values.existingSecret }}
- name: secrets
  mountPath: /run/secrets/ttp
  readOnly: true
{{- end }}
{{- end -}}

{{- define "ttp.volumes" -}}
- name: config
  configMap:
    name: {{ include "ttp.fullname" . }}
    defaultMode: 0444
{{- with .Values.existingSecret }}
- name: secrets
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- /* none, keda, lag or cpu: what decides on the number of pods. */ -}}
{{- define "ttp.scaling" -}}
{{- if .Values.keda.enabled -}}
keda
{{- else if eq .Values.autoscaling.mode "auto" -}}
{{- ternary "lag" "cpu" (.Capabilities.APIVersions.Has "external.metrics.k8s.io/v1beta1") -}}
{{- else -}}
{{- .Values.autoscaling.mode -}}
{{- end -}}
{{- end -}}
