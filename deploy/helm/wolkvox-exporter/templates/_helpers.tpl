{{/* Names, labels and the few things that several templates need. A shard's names end in the shard's. */}}

{{- define "wolkvox.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 31 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 31 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 31 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wolkvox.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wolkvox.labels" -}}
{{ include "wolkvox.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "wolkvox.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* Restricted pod security: what the image is made for. */}}
{{- define "wolkvox.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "wolkvox.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The configuration file of a shard: the chart's, the shard's over it, and the targets with their token files. */}}
{{- define "wolkvox.configFile" -}}
{{- $config := mergeOverwrite (deepCopy .root.Values.config) (deepCopy (default dict .shard.config)) -}}
{{- range $key := list "targets" "state" -}}
{{- if hasKey $config $key -}}
{{- fail (printf "shard %q: config must not hold %q, the chart writes it" $.shard.name $key) -}}
{{- end -}}
{{- end -}}
{{- $targets := list -}}
{{- range $index, $target := .shard.targets -}}
{{- $targets = append $targets (set (omit $target "tokenSecret") "token_file" (printf "/etc/wolkvox-exporter/tokens/%d" $index)) -}}
{{- end -}}
{{- $_ := set $config "targets" $targets -}}
{{- if .root.Values.webConfig.secretName -}}
{{- $_ := set $config "web" (merge (dict "config_file" "/etc/wolkvox-exporter/web/web.yaml") (default dict $config.web)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Everything that values.schema.json cannot say. */}}
{{- define "wolkvox.check" -}}
{{- if not .Values.image.repository -}}
{{- fail (printf "image.repository is empty: name the image that you pushed for your cluster, as in --set image.repository=registry.example/wolkvox-exporter (tagged %s)" .Chart.AppVersion) -}}
{{- end -}}
{{- if not .Values.shards -}}
{{- fail "no shards: give `shards`, each with its targets; or look at a simulated contact centre with --set 'shards[0].name=demo,shards[0].demo=true'" -}}
{{- end -}}
{{- $shards := dict -}}
{{- $labels := dict -}}
{{- range .Values.shards -}}
{{- if hasKey $shards .name -}}
{{- fail (printf "two shards are called %q" .name) -}}
{{- end -}}
{{- $_ := set $shards .name true -}}
{{- $shard := .name -}}
{{- range .targets -}}
{{- $label := default .server .name -}}
{{- if hasKey $labels $label -}}
{{- fail (printf "target %q is in shard %q and in shard %q: its series would be counted twice" $label (get $labels $label) $shard) -}}
{{- end -}}
{{- $_ := set $labels $label $shard -}}
{{- end -}}
{{- end -}}
{{- end -}}
