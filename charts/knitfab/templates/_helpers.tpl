{{/* A value as text: Helm writes large numbers as powers of ten. */}}
{{- define "knitfab.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* What a claim asks for: as much as it should, and what it has already, be it made larger by the expander or by hand, which cannot be taken back. Takes: size, claim. */}}
{{- define "knitfab.sizeOfClaim" -}}
{{- $size := include "knitfab.text" (index . 0) -}}
{{- $has := dig "spec" "resources" "requests" "storage" "" (index . 1) -}}
{{- if and $has (gt (include "knitfab.bytes" $has | float64) (include "knitfab.bytes" $size | float64)) -}}
{{ $has }}
{{- else -}}
{{ $size }}
{{- end -}}
{{- end }}

{{/* A value of one function: what .Values.functions says of it, else what it asked for itself. Takes: top, service, name, fallback. */}}
{{- define "knitfab.value" -}}
{{- $own := index (index . 0).Values.functions (index . 1) | default dict -}}
{{- $value := index . 3 -}}
{{- if hasKey $own (index . 2) -}}{{- $value = index $own (index . 2) -}}{{- end -}}
{{- include "knitfab.text" $value | quote -}}
{{- end }}

{{/* The same as a number. */}}
{{- define "knitfab.number" -}}
{{- include "knitfab.value" . | trimAll "\"" -}}
{{- end }}

{{/* How many Pods of a function there are at most, where somebody says so: else what Knative is configured with. Takes: top, service, name, and what the function asked for, or 0. */}}
{{- define "knitfab.maxScale" -}}
{{- if include "knitfab.isAsked" . -}}
autoscaling.knative.dev/max-scale: {{ include "knitfab.value" . }}
{{- end -}}
{{- end }}

{{/* The same of how many requests a Pod serves at a time. */}}
{{- define "knitfab.concurrency" -}}
{{- if include "knitfab.isAsked" . -}}
containerConcurrency: {{ include "knitfab.number" . }}
{{- end -}}
{{- end }}

{{/* Knative may be told to refuse a 0, which is any number: it is not written for nobody. */}}
{{- define "knitfab.isAsked" -}}
{{- if or (index . 3) (hasKey (index (index . 0).Values.functions (index . 1) | default dict) (index . 2)) }}yes{{ end -}}
{{- end }}

{{/* A value of one function, else that of all functions, as YAML with its key, or nothing. Takes: top, service, name. */}}
{{- define "knitfab.own" -}}
{{- $top := index . 0 -}}
{{- $name := index . 2 -}}
{{- $own := index $top.Values.functions (index . 1) | default dict -}}
{{- with (hasKey $own $name | ternary (index $own $name) (index $top.Values.defaults $name)) -}}
{{ dict $name . | toYaml }}
{{- end -}}
{{- end }}

{{/* Labels of everything of this release. Takes: top, component. */}}
{{- define "knitfab.labels" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: {{ $top.Chart.Name }}
app.kubernetes.io/instance: {{ $top.Release.Name | quote }}
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: knit
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
{{- end }}

{{/* Labels of what runs a function. Takes: top, service. */}}
{{- define "knitfab.functionLabels" -}}
{{ include "knitfab.labels" . }}
knitfab.dev/kind: function
{{- end }}

{{- define "knitfab.image" -}}
{{- with .Values.image -}}
{{ if .digest }}{{ printf "%s@%s" .repository .digest | quote }}{{ else }}{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) | quote }}{{ end }}
{{- end -}}
{{- end }}

{{/* When the image is got, in a container. */}}
{{- define "knitfab.pullPolicy" -}}
{{- with .Values.image.pullPolicy }}imagePullPolicy: {{ . }}{{ end -}}
{{- end }}

{{/* With which secrets images are got, in a Pod. */}}
{{- define "knitfab.imagePullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
{{ dict "imagePullSecrets" . | toYaml }}
{{- end -}}
{{- end }}

{{/* Those of every image there may be in a Pod that functions make: ours stand beside programs. */}}
{{- define "knitfab.pullSecrets" -}}
{{- $names := list -}}
{{- range .Values.image.pullSecrets -}}{{- $names = append $names .name -}}{{- end -}}
{{- concat $names .Values.workers.imagePullSecrets | uniq | join " " -}}
{{- end }}

{{/* What functions make agents with, where each Data has a claim: as one of them, unless it is said otherwise. */}}
{{- define "knitfab.agentPod" -}}
{{- $pod := dict -}}
{{- range $name := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{- $pod = merge $pod (include "knitfab.own" (list $ "agent" $name) | fromYaml) -}}
{{- end -}}
{{- with (index .Values.functions "agent" | default dict).resources -}}{{- $pod = set $pod "resources" . -}}{{- end -}}
{{- toJson $pod -}}
{{- end }}

{{/* Where a function runs. Takes: top, service. */}}
{{- define "knitfab.scheduling" -}}
{{- $all := list (include "knitfab.imagePullSecrets" (index . 0)) -}}
{{- range $name := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{- $all = append $all (include "knitfab.own" (list (index $ 0) (index $ 1) $name)) -}}
{{- end -}}
{{- compact $all | join "\n" -}}
{{- end }}

{{/* What a function may take of a node: what the values say of it; else what they say of all, with the limits raised that are less than it asked for. Takes: top, service, and limits that it asked for. */}}
{{- define "knitfab.resources" -}}
{{- $top := index . 0 -}}
{{- $own := index $top.Values.functions (index . 1) | default dict -}}
{{- $resources := deepCopy ($top.Values.defaults.resources | default dict) -}}
{{- if hasKey $own "resources" -}}
{{- $resources = $own.resources -}}
{{- else if gt (len .) 2 -}}
{{- range $name, $least := index . 2 -}}
{{- $limit := dig "limits" $name "" $resources -}}
{{- if and $limit (lt (include "knitfab.amount" $limit | float64) (include "knitfab.amount" $least | float64)) -}}
{{- $_ := set $resources.limits $name $least -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ dict "resources" $resources | toYaml }}
{{- end }}

{{/* The secrets of a function, and where its certificate is. The gateway alone knows the token. Takes: top, service. */}}
{{- define "knitfab.env" -}}
{{- $top := index . 0 -}}
{{ include "knitfab.secretVariable" (list $top "signing-key" "KNIT_SIGNING_KEY") }}
{{ include "knitfab.secretVariable" (list $top "database" "KNIT_DATABASE_URL") }}
{{- with include "knitfab.tracesSecret" $top }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: OTEL_EXPORTER_OTLP_HEADERS
{{- end }}
{{- if eq (index . 1) "gateway" }}
{{ include "knitfab.secretVariable" (list $top "token" "KNIT_TOKEN") }}
{{- if $top.Values.gateway.tlsSecret }}
- name: KNIT_TLS_FOLDER
  value: /tls
{{- end }}
{{- end }}
{{- end }}

{{/* What lets functions send traces, where they do and something is needed for it. */}}
{{- define "knitfab.tracesSecret" -}}
{{- with .Values.tracing -}}{{- if .endpoint -}}{{ .headersSecret }}{{- end -}}{{- end -}}
{{- end }}

{{/* By its key alone: a secret of the admin may have more. Takes: top, what, key. */}}
{{- define "knitfab.secretVariable" -}}
- name: {{ index . 2 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "knitfab.secret" . | quote }}
      key: {{ index . 2 }}
{{- end }}

{{/* A secret of the admin, or the one that the chart makes. Takes: top, what. */}}
{{- define "knitfab.secret" -}}
{{- index (index . 0).Values.secrets (camelcase (replace "-" "_" (index . 1)) | untitle) | default (printf "knitfab-%s" (index . 1)) -}}
{{- end }}

{{/* Those that the chart makes. */}}
{{- define "knitfab.madeSecrets" -}}
{{- $names := list -}}
{{- with .Values.secrets -}}
{{- if not .signingKey -}}{{- $names = append $names "knitfab-signing-key" -}}{{- end -}}
{{- if not .token -}}{{- $names = append $names "knitfab-token" -}}{{- end -}}
{{- if and $.Values.postgres.enabled (not .database) -}}{{- $names = append $names "knitfab-database" -}}{{- end -}}
{{- end -}}
{{- join " " $names -}}
{{- end }}

{{/* Of what stays when the release goes, unless Data go as well. */}}
{{- define "knitfab.keep" -}}
{{- if not .Values.uninstall.deleteData -}}
annotations:
  helm.sh/resource-policy: keep
{{- end -}}
{{- end }}

{{/* New Pods when settings have changed, or secrets. Takes: top, service. */}}
{{- define "knitfab.checksums" -}}
{{- $top := index . 0 -}}
knitfab.dev/settings: {{ include (print $top.Template.BasePath "/settings.yaml") $top | sha256sum | trunc 16 | quote }}
{{- with include "knitfab.secretsChecksum" . }}
{{ . }}
{{- end }}
{{- end }}

{{/* Of each Pod of a function: what it was made of, and where metrics are, for who looks for that there. Takes: top, service. */}}
{{- define "knitfab.podAnnotations" -}}
{{ include "knitfab.checksums" . }}
{{- with (index . 0).Values.monitoring }}
{{- if and .enabled .annotations }}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ .port | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of the secrets of the admin that it reads: what the chart makes stays as it is. Nothing where nobody may look. Takes: top, service. */}}
{{- define "knitfab.secretsChecksum" -}}
{{- $top := index . 0 -}}
{{- $read := dict "gateway" (list "signingKey" "database" "token") "agent" (list "signingKey") -}}
{{- $names := list -}}
{{- if $top.Values.preflight -}}
{{- range get $read (index . 1) | default (list "signingKey" "database") -}}
{{- $names = append $names (index $top.Values.secrets .) -}}
{{- end -}}
{{- if ne (index . 1) "agent" -}}{{- $names = append $names (include "knitfab.tracesSecret" $top) -}}{{- end -}}
{{- end -}}
{{- with include "knitfab.secretsFound: set preflight=false if you may not look at what follows" (list $top.Release.Namespace (compact $names)) -}}
knitfab.dev/secrets: {{ sha256sum . | trunc 16 | quote }}
{{- end -}}
{{- end }}

{{/* Takes: namespace, names. */}}
{{- define "knitfab.secretsFound: set preflight=false if you may not look at what follows" -}}
{{- $namespace := index . 0 -}}
{{- range index . 1 -}}
{{- with (lookup "v1" "Secret" $namespace .).data -}}{{- toJson . -}}{{- end -}}
{{- end -}}
{{- end }}

{{/* Of the Pod that has all Data mounted. */}}
{{- define "knitfab.agentAnnotations" -}}
{{- with include "knitfab.secretsChecksum" (list . "agent") -}}
annotations:
  {{ . }}
{{- end -}}
{{- end }}

{{/*
Of a function that needs no Pod when it has nothing to do: none before there is something, where Knative was told to allow that; and none
any more after a while without. Takes: top, service, and how many Pods it asked for itself.
*/}}
{{- define "knitfab.zeroScale" -}}
{{- $knative := (index . 0).Values.knative -}}
{{- if eq (include "knitfab.number" (list (index . 0) (index . 1) "minScale" (index . 2))) "0" -}}
{{- if $knative.zeroInitialScale }}
autoscaling.knative.dev/initial-scale: "0"
{{- end }}
{{- with $knative.window }}
autoscaling.knative.dev/window: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "knitfab.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "knitfab.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What streams may go on for a while when its Pod has to go. */}}
{{- define "knitfab.grace" -}}
terminationGracePeriodSeconds: {{ add .Values.settings.grace 15 }}
{{- end }}

{{- define "knitfab.gatewayAnnotations" -}}
{{- with .Values.gateway.service.annotations -}}
{{ dict "annotations" . | toYaml }}
{{- end -}}
{{- end }}

{{/* How the gateway is reached from outside. */}}
{{- define "knitfab.gatewayPort" -}}
{{- $tls := not (empty .Values.gateway.tlsSecret) -}}
{{- with .Values.gateway.service -}}
type: {{ .type }}
{{- range $name := list "externalIPs" "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- with index $.Values.gateway.service $name }}
{{ dict $name . | toYaml }}
{{- end }}
{{- end }}
ports:
  - name: {{ ternary "https" "http" $tls }}
    port: {{ ternary 443 80 $tls }}
    targetPort: 8080
    {{- with .nodePort }}
    nodePort: {{ . }}
    {{- end }}
{{- end }}
{{- end }}

{{/* The certificate of the gateway. */}}
{{- define "knitfab.tlsMount" -}}
{{- if .Values.gateway.tlsSecret -}}
volumeMounts:
  - name: tls
    mountPath: /tls
    readOnly: true
{{- end }}
{{- end }}

{{- define "knitfab.tlsProbe" -}}
{{- if .Values.gateway.tlsSecret }}scheme: HTTPS{{ end -}}
{{- end }}

{{- define "knitfab.tlsVolume" -}}
{{- with .Values.gateway.tlsSecret -}}
volumes:
  - name: tls
    secret:
      secretName: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Where events are published: what each class of brokers says of a broker, or nothing for a class that nobody knows. */}}
{{- define "knitfab.brokerUrl" -}}
{{- $ns := .Release.Namespace -}}
{{- $domain := .Values.knative.clusterDomain -}}
{{- $shared := include "knitfab.brokerIngress" . -}}
{{- with .Values.broker -}}
{{- if .url -}}
{{ .url }}
{{- else if $shared -}}
http://{{ $shared }}.knative-eventing.svc.{{ $domain }}/{{ $ns }}/{{ .name }}
{{- else if eq .class "RabbitMQBroker" -}}
http://{{ .name }}-broker-ingress.{{ $ns }}.svc.{{ $domain }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The Service of knative-eventing that takes events for all brokers of the class, where there is one. */}}
{{- define "knitfab.brokerIngress" -}}
{{- get (dict "MTChannelBasedBroker" "broker-ingress" "Kafka" "kafka-broker-ingress") .Values.broker.class -}}
{{- end }}

{{/* How often a delivery is tried, and where events go that no delivery helped. */}}
{{- define "knitfab.delivery" -}}
{{ toYaml .Values.broker.delivery }}
deadLetterSink:
  ref:
    apiVersion: serving.knative.dev/v1
    kind: Service
    name: step-keep-dead-letters
{{- end }}

{{/* Of the Pod of a Job of ours. Each try has a Pod of its own, which keeps what it said. */}}
{{- define "knitfab.jobPod" -}}
restartPolicy: Never
enableServiceLinks: false
securityContext:
  {{- include "knitfab.podSecurity" . | nindent 2 }}
{{- $placement := pick .Values.defaults "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with .Values.jobs.priorityClassName }}{{ $placement = set $placement "priorityClassName" . }}{{ end }}
{{- range $name, $value := $placement }}
{{- with $value }}
{{ dict $name . | toYaml }}
{{- end }}
{{- end }}
{{- with include "knitfab.imagePullSecrets" . }}
{{ . }}
{{- end }}
{{- end }}

{{/* Of its container, besides what it does. */}}
{{- define "knitfab.jobContainer" -}}
image: {{ include "knitfab.image" . }}
{{- with include "knitfab.pullPolicy" . }}
{{ . }}
{{- end }}
resources:
  {{- .Values.jobs.resources | default .Values.defaults.resources | toYaml | nindent 2 }}
securityContext:
  {{- include "knitfab.containerSecurity" . | nindent 2 }}
{{- end }}

{{/* Who runs programs of people: the account that the chart makes, and those that plans may name. */}}
{{- define "knitfab.workerAccounts" -}}
- kind: ServiceAccount
  name: knit-worker
{{- range .Values.workers.serviceAccounts }}
- kind: ServiceAccount
  name: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Rules by which the API server is reached. */}}
{{- define "knitfab.apiServer" -}}
{{- $rules := "" -}}
{{- if .Values.networkPolicies.apiServer -}}
{{- $rules = toYaml .Values.networkPolicies.apiServer -}}
{{- else if .Values.preflight -}}
{{- $rules = include "knitfab.apiServerFound: set preflight=false if you may not look at what follows" . -}}
{{- end -}}
{{- $rules | default (include "knitfab.apiServerAnywhere" .) -}}
{{- end }}

{{- define "knitfab.apiServerFound: set preflight=false if you may not look at what follows" -}}
{{- $slice := lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" -}}
{{- include "knitfab.apiServerAt" (list (lookup "v1" "Service" "default" "kubernetes") $slice) -}}
{{- end }}

{{- define "knitfab.apiServerAnywhere" -}}
- to: [{ ipBlock: { cidr: 0.0.0.0/0 } }, { ipBlock: { cidr: "::/0" } }]
  ports: [{ protocol: TCP, port: 443 }, { protocol: TCP, port: 6443 }]
{{- end }}

{{/* By its own addresses and by that of its Service: some networks look before the one is put in place of the other. Takes: Service, EndpointSlice. */}}
{{- define "knitfab.apiServerAt" -}}
{{- $service := index . 0 -}}
{{- $slice := index . 1 -}}
{{- $addresses := list -}}
{{- range $slice.endpoints -}}{{- $addresses = concat $addresses .addresses -}}{{- end -}}
{{- if $addresses -}}
{{- $rules := list (include "knitfab.rule" (list $addresses $slice.ports)) -}}
{{- with dig "spec" "clusterIPs" list $service -}}
{{- $rules = append $rules (include "knitfab.rule" (list . $service.spec.ports)) -}}
{{- end -}}
{{- join "\n" $rules -}}
{{- end -}}
{{- end }}

{{/* Namespaces as peers of a rule. Takes: their selectors. */}}
{{- define "knitfab.namespaces" -}}
{{- $peers := list -}}
{{- range . -}}{{- $peers = append $peers (dict "namespaceSelector" .) -}}{{- end -}}
{{- toYaml $peers -}}
{{- end }}

{{/* Takes: addresses, ports. */}}
{{- define "knitfab.rule" -}}
{{- $to := list -}}
{{- range index . 0 -}}
{{- $to = append $to (dict "ipBlock" (dict "cidr" (printf "%s/%d" . (contains ":" . | ternary 128 32)))) -}}
{{- end -}}
{{- $ports := list -}}
{{- range index . 1 -}}
{{- $ports = append $ports (dict "protocol" "TCP" "port" .port) -}}
{{- end -}}
{{- list (dict "to" $to "ports" $ports) | toYaml -}}
{{- end }}
