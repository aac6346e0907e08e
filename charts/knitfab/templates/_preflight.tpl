{{/* What stands against this release, a line each: what is wrong, with which value, what to do. */}}
{{- define "knitfab.mistakes" -}}
{{ include "knitfab.contradictions" . }}
{{ include "knitfab.overMaxScale" . }}
{{ include "knitfab.missingKnative" . }}
{{ include "knitfab.missingOperator" . }}
{{- if .Values.preflight }}
{{ include "knitfab.preflight: set preflight=false if you may not look at what follows" . }}
{{- end }}
{{- end }}

{{/* What the cluster says. Helm shows the names of templates to who may not ask it, and nothing else of ours. */}}
{{- define "knitfab.preflight: set preflight=false if you may not look at what follows" -}}
{{- if include "knitfab.canLook" . }}
{{- $taken := include "knitfab.takenNamespace" . }}
{{ trim $taken | default (include "knitfab.fixedValues" .) }}
{{ include "knitfab.missingSecrets" . }}
{{ include "knitfab.missingClasses" . }}
{{ include "knitfab.missingAccounts" . }}
{{ include "knitfab.missingBroker" . }}
{{ include "knitfab.noPrograms" (list . (lookup "v1" "Namespace" "" .Release.Namespace)) }}
{{ include "knitfab.missingDefaults" (list . (lookup "v1" "ResourceQuota" .Release.Namespace "") (lookup "v1" "LimitRange" .Release.Namespace "")) }}
{{ include "knitfab.oldKnative" . }}
{{ include "knitfab.missingFeatures" . }}
{{ include "knitfab.beyondKnative" (list . (lookup "v1" "ConfigMap" "knative-serving" "config-autoscaler") (lookup "v1" "ConfigMap" "knative-serving" "config-defaults")) }}
{{ include "knitfab.otherIngress" (list . (lookup "v1" "ConfigMap" "knative-serving" "config-network")) }}
{{- end }}
{{- end }}

{{/* Not where there is no cluster, as in `helm template`. */}}
{{- define "knitfab.canLook" -}}
{{- if or (lookup "v1" "Namespace" "" .Release.Namespace) (lookup "v1" "Namespace" "" "default") }}yes{{ end -}}
{{- end }}

{{/* Values that do not go together, whatever the cluster. */}}
{{- define "knitfab.contradictions" -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" .Release.Name) }}
The release cannot be called {{ .Release.Name }}: in what its events are known by there is no dot; call it knitfab.
{{- end }}
{{- $ns := .Release.Namespace }}
{{- $noBroker := not (include "knitfab.brokerUrl" .) }}
{{- with .Values }}
{{- if not .image.repository }}
image.repository is empty: build and push the image (README.md, The image), then name it.
{{- end }}
{{- if and (not .postgres.enabled) (not .secrets.database) }}
secrets.database is empty while postgres.enabled is false: name a Secret with the key KNIT_DATABASE_URL (kubectl -n {{ $ns }} create secret generic NAME --from-literal=KNIT_DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE).
{{- end }}
{{- if and .networkPolicies.enabled (not .postgres.enabled) (not .networkPolicies.database) }}
networkPolicies.database is empty while postgres.enabled is false: say where Postgres is ([{to: [{ipBlock: {cidr: ADDRESS/32}}], ports: [{port: 5432}]}]), or set networkPolicies.enabled to false.
{{- end }}
{{- if and .networkPolicies.enabled (or .settings.hooksBefore .settings.hooksAfter .settings.extraApis .settings.oidcIssuer) (not .networkPolicies.functions) }}
networkPolicies.functions is empty while settings name lifecycle hooks, a provider that signs people in, or extra APIs: say where those are ([{to: [{ipBlock: {cidr: ADDRESS/32}}], ports: [{port: 443}]}]), or set networkPolicies.enabled to false.
{{- end }}
{{- if $noBroker }}
broker.url is empty, and for the class {{ .broker.class }} it is not known: say where such a broker takes events, as kubectl get broker shows it.
{{- end }}
{{- if and .gateway.service.nodePort (eq .gateway.service.type "ClusterIP") }}
gateway.service.nodePort is {{ .gateway.service.nodePort }} while gateway.service.type is ClusterIP: set the type to NodePort, or the port to 0.
{{- end }}
{{- range $name := list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- $type := $.Values.gateway.service.type }}
{{- if and (index $.Values.gateway.service $name) (ne $type "LoadBalancer") }}
gateway.service.{{ $name }} is given while gateway.service.type is {{ $type }}: set the type to LoadBalancer, or leave it empty.
{{- end }}
{{- end }}
{{- if and .networkPolicies.enabled .tracing.endpoint (not .networkPolicies.traces) }}
networkPolicies.traces is empty while tracing.endpoint is {{ .tracing.endpoint }}: say where that is ([{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}], ports: [{port: 4318}]}]), or set networkPolicies.enabled to false.
{{- end }}
{{- if and .tracing.headersSecret (not .tracing.endpoint) }}
tracing.headersSecret is given while tracing.endpoint is empty: say where traces are sent, or leave it empty.
{{- end }}
{{- if and .gateway.ingress.enabled (not .gateway.ingress.host) }}
gateway.ingress.host is empty while gateway.ingress.enabled is true: say by which name people reach the API.
{{- end }}
{{- include "knitfab.overLimits" (list "defaults" .defaults) }}
{{- include "knitfab.overLimits" (list "postgres" .postgres) }}
{{- include "knitfab.overLimits" (list "jobs" .jobs) }}
{{- range $service, $own := .functions }}
{{- include "knitfab.overLimits" (list (printf "functions.%s" $service) $own) }}
{{- end }}
{{- with .knative.window }}
{{- $seconds := mul (regexFind "^[0-9]+" . | int) (get (dict "s" 1 "m" 60 "h" 3600) (regexFind "[smh]$" .)) }}
{{- if or (lt $seconds 6) (gt $seconds 3600) }}
knative.window is {{ . }}, and Knative takes 6s to 1h.
{{- end }}
{{- end }}
{{- with .monitoring }}
{{- if and .enabled (has (int .port) (list 8008 8012 8013 8022 8080 8112 9090 9091)) }}
monitoring.port is {{ .port }}, at which a function listens, or what Knative puts beside it: take another, such as 9464.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* More Pods at any time than there are at most. */}}
{{- define "knitfab.overMaxScale" -}}
{{- range $service, $asked := include "knitfab.asked" . | fromJson }}
{{- $least := include "knitfab.number" (list $ $service "minScale" $asked.minScale) | int }}
{{- $most := include "knitfab.number" (list $ $service "maxScale" $asked.maxScale) | int }}
{{- if and $most (gt $least $most) }}
functions.{{ $service }}.minScale is {{ $least }}, and of this function there {{ eq $most 1 | ternary "is" "are" }} {{ $most }} at most: say less, or more in functions.{{ $service }}.maxScale.
{{- end }}
{{- end }}
{{- end }}

{{/* Takes: name of a value, and what it is. */}}
{{- define "knitfab.overLimits" -}}
{{- $value := index . 0 }}
{{- $resources := (index . 1 | default dict).resources | default dict }}
{{- range $name, $request := $resources.requests }}
{{- with dig "limits" $name "" $resources }}
{{- if gt (include "knitfab.amount" $request | float64) (include "knitfab.amount" . | float64) }}
{{ $value }}.resources.requests.{{ $name }} is {{ $request }}, more than {{ $value }}.resources.limits.{{ $name }}, which is {{ . }}: raise that as well.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Only where a cluster was asked, or somebody said what it knows, are kinds known besides versions. */}}
{{- define "knitfab.missingKnative" -}}
{{- if .Capabilities.APIVersions.Has "v1/Namespace" }}
{{- range $part, $versions := dict "Serving" (list "serving.knative.dev/v1") "Eventing" (list "eventing.knative.dev/v1" "sources.knative.dev/v1") }}
{{- range $versions }}
{{- if not ($.Capabilities.APIVersions.Has .) }}
Knative {{ $part }} is not in this cluster, which does not know {{ . }}: install Knative {{ include "knitfab.oldestKnative" $ }} or later (https://knative.dev/docs/install/); for helm template, say what is there by --api-versions {{ . }}.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "knitfab.missingOperator" -}}
{{- with .Values.monitoring }}
{{- if and .enabled .operator ($.Capabilities.APIVersions.Has "v1/Namespace") (not ($.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) }}
monitoring.operator is true, and this cluster does not know monitoring.coreos.com/v1: install the Prometheus operator (https://prometheus-operator.dev), or set monitoring.operator to false and, where your Prometheus looks for them, monitoring.annotations to true.
{{- end }}
{{- end }}
{{- end }}

{{/* Of which Triggers have filters, and clocks know of seconds. */}}
{{- define "knitfab.oldestKnative" -}}1.13{{- end }}

{{/* By the version of its namespaces, or where nothing is said of that, of its kinds. */}}
{{- define "knitfab.oldKnative" -}}
{{- range $namespace, $kind := dict "knative-serving" "services.serving.knative.dev" "knative-eventing" "brokers.eventing.knative.dev" }}
{{- $version := include "knitfab.versionOf" (lookup "v1" "Namespace" "" $namespace) }}
{{- if not $version }}
{{- $version = include "knitfab.versionOf" (lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $kind) }}
{{- end }}
{{- include "knitfab.tooOld" (list $namespace $version) }}
{{- end }}
{{- end }}

{{- define "knitfab.versionOf" -}}
{{- dig "metadata" "labels" "app.kubernetes.io/version" "" . -}}
{{- end }}

{{/* Takes: namespace, version. What is built from a branch has another form, and may be anything. */}}
{{- define "knitfab.tooOld" -}}
{{- $version := index . 1 | trimPrefix "v" }}
{{- $oldest := include "knitfab.oldestKnative" . }}
{{- if and (regexMatch "^[0-9]+[.][0-9]+" $version) (semverCompare (printf "<%s-0" $oldest) $version) }}
Knative in {{ index . 0 }} is {{ $version }}, which is too old: install {{ $oldest }} or later (https://knative.dev/docs/install/).
{{- end }}
{{- end }}

{{- define "knitfab.releaseOf" -}}
{{- dig "metadata" "annotations" "meta.helm.sh/release-name" "" . -}}
{{- end }}

{{/* A namespace has room for one release, and what one has left is taken over by its name. */}}
{{- define "knitfab.takenNamespace" -}}
{{- $ns := .Release.Namespace }}
{{- $settings := lookup "v1" "ConfigMap" $ns "knitfab-settings" }}
{{- if and $settings (ne (include "knitfab.releaseOf" $settings) .Release.Name) }}
The namespace {{ $ns }} is in use by the release {{ include "knitfab.releaseOf" $settings | default "of another tool" }}, and has room for one: install into another namespace.
{{- else }}
{{- $left := list }}
{{- range splitList " " (include "knitfab.madeSecrets" .) | compact }}
{{- $left = append $left (include "knitfab.leftBehind" (list $ "Secret" .)) }}
{{- end }}
{{- $left = append $left (include "knitfab.leftBehind" (list $ "PersistentVolumeClaim" "knitfab-data")) }}
{{- with compact $left }}
{{ first . }}
{{- end }}
{{- end }}
{{- $names := splitList " " (include "knitfab.functions" .) | concat (list "postgres") }}
{{- range (lookup "v1" "Service" $ns "").items }}
{{- if and (has .metadata.name $names) (not .metadata.ownerReferences) (ne (include "knitfab.releaseOf" .) $.Release.Name) }}
The namespace {{ $ns }} has a Service {{ .metadata.name }} that is not of this release, which needs the name: install into another namespace, or delete it.
{{- end }}
{{- end }}
{{- end }}

{{- define "knitfab.leftBehind" -}}
{{- $top := index . 0 }}
{{- $ns := $top.Release.Namespace }}
{{- $there := lookup "v1" (index . 1) $ns (index . 2) }}
{{- $owner := include "knitfab.releaseOf" $there }}
{{- if and $there (ne $owner $top.Release.Name) }}
The namespace {{ $ns }} has a {{ index . 1 }} {{ index . 2 }} of {{ with $owner }}the release {{ . }}, which has left its Data there: install as {{ . }} to go on with them{{ else }}somebody else: install into another namespace{{ end }}, or delete what is left (kubectl -n {{ $ns }} delete job,pod,pvc,secret -l app.kubernetes.io/part-of=knit --grace-period=30).
{{- end }}
{{- end }}

{{/* What cannot be changed any more once it is there. Eventing, and the API server, would say so when the database has been migrated. */}}
{{- define "knitfab.fixedValues" -}}
{{- if .Capabilities.APIVersions.Has "eventing.knative.dev/v1" }}
{{ include "knitfab.fixedBroker" . }}
{{- end }}
{{- if .Values.postgres.enabled }}
{{ include "knitfab.fixedPostgres" . }}
{{ include "knitfab.latePostgres" (list . (lookup "v1" "ConfigMap" .Release.Namespace "knitfab-settings") (lookup "v1" "Service" .Release.Namespace "postgres") (lookup "apps/v1" "StatefulSet" .Release.Namespace "postgres")) }}
{{- end }}
{{- if eq .Values.volumes.layout "shared" }}
{{ include "knitfab.fixedClaim" (list . (lookup "v1" "PersistentVolumeClaim" .Release.Namespace "knitfab-data")) }}
{{- end }}
{{ include "knitfab.fixedBalancer" (list . (lookup "v1" "Service" .Release.Namespace "gateway")) }}
{{- $never := "set it back; Data of one layout are not seen in the other, which takes another namespace" }}
{{- include "knitfab.fixed" (list "volumes.layout" .Values.volumes.layout (include "knitfab.layoutThere" .) $never) }}
{{- end }}

{{/* Takes: value, what it is, what it was when it could be chosen (or nothing), what to do. */}}
{{- define "knitfab.fixed" -}}
{{- $was := index . 2 }}
{{- if and $was (ne $was (index . 1)) }}
{{ index . 0 }} is {{ index . 1 }}, and cannot be changed from {{ $was }} any more: {{ index . 3 }}.
{{- end }}
{{- end }}

{{- define "knitfab.fixedBroker" -}}
{{- $ns := .Release.Namespace }}
{{- $again := printf "set it back, or uninstall (helm uninstall %s --namespace %s, which leaves Data, database and secrets unless told otherwise) and install again" .Release.Name $ns }}
{{- $names := dict }}
{{- range (lookup "eventing.knative.dev/v1" "Trigger" $ns "").items }}
{{- if eq (include "knitfab.releaseOf" .) $.Release.Name }}
{{- $_ := set $names (hasPrefix "workers-" .metadata.name | ternary "workers" "name") .spec.broker }}
{{- end }}
{{- end }}
{{- with .Values.broker }}
{{- include "knitfab.fixed" (list "broker.name" .name (get $names "name") $again) }}
{{- include "knitfab.fixed" (list "broker.workers" .workers (get $names "workers") $again) }}
{{- if .create }}
{{- $made := dig "metadata" "annotations" dict (lookup "eventing.knative.dev/v1" "Broker" $ns .name) }}
{{- include "knitfab.fixed" (list "broker.class" .class (get $made "eventing.knative.dev/broker.class") $again) }}
{{- include "knitfab.fixed" (list "broker.config" (toJson .config) (get $made "knitfab.dev/config") $again) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "knitfab.fixedPostgres" -}}
{{- $own := "the class of the cluster" }}
{{- $ns := .Release.Namespace }}
{{- with .Values.postgres }}
{{- $size := include "knitfab.text" .size }}
{{- $class := .storageClass | default $own }}
{{- range dig "spec" "volumeClaimTemplates" list (lookup "apps/v1" "StatefulSet" $ns "postgres") }}
{{- if ne (include "knitfab.bytes" $size) (include "knitfab.bytes" .spec.resources.requests.storage) }}
{{- $resize := printf "set it back, or resize the claim data-postgres-0 and delete the StatefulSet alone (kubectl --namespace %s delete statefulset postgres --cascade=orphan) before you upgrade" $ns }}
{{- include "knitfab.fixed" (list "postgres.size" $size .spec.resources.requests.storage $resize) }}
{{- end }}
{{- include "knitfab.fixed" (list "postgres.storageClass" $class (.spec.storageClassName | default $own) "set it back; a database moves to another class by a dump (README.md, Backup)") }}
{{- end }}
{{- end }}
{{- end }}

{{/* An upgrade migrates the database before it makes anything, and would wait for one that is not there. Takes: top, settings of the release, Service and StatefulSet of the database. */}}
{{- define "knitfab.latePostgres" -}}
{{- $release := (index . 0).Release }}
{{- $settings := index . 1 }}
{{- $uninstall := printf "uninstall (helm uninstall %s --namespace %s, which leaves Data, database and secrets unless told otherwise)" $release.Name $release.Namespace }}
{{- if eq (dig "metadata" "annotations" "knitfab.dev/own-postgres" "" $settings) "false" }}
{{- $again := printf "set it back, or %s, install again with it, and restore a dump of the other database (README.md, Backup)" $uninstall }}
{{- include "knitfab.fixed" (list "postgres.enabled" "true" "false" $again) }}
{{- else if and $settings (not (or (index . 2) (index . 3))) }}
The namespace {{ $release.Namespace }} has no database of the release, as after an install that was broken off before it made one, and an upgrade would wait for it: {{ $uninstall }}, and install again.
{{- end }}
{{- end }}

{{/* Of the claim of all Data nothing but the size can be changed. Takes: top, claim. */}}
{{- define "knitfab.fixedClaim" -}}
{{- $claim := index . 1 }}
{{- $move := "set it back; Data move to another claim by a backup (README.md, Backup)" }}
{{- with (index . 0).Values.volumes }}
{{- if .storageClass }}
{{- include "knitfab.fixed" (list "volumes.storageClass" .storageClass (dig "spec" "storageClassName" "" $claim) $move) }}
{{- end }}
{{- include "knitfab.fixed" (list "volumes.accessMode" .accessMode (dig "spec" "accessModes" list $claim | join ", ") $move) }}
{{- end }}
{{- end }}

{{/* Whoever makes the load balancer stays. Some write their class into a Service that names none. Takes: top, Service of the gateway. */}}
{{- define "knitfab.fixedBalancer" -}}
{{- $there := index . 1 }}
{{- $release := (index . 0).Release }}
{{- with (index . 0).Values.gateway.service }}
{{- if and .loadBalancerClass (eq .type "LoadBalancer") (eq (dig "spec" "type" "" $there) "LoadBalancer") }}
{{- $anew := printf "set it back, or delete the Service before you upgrade (kubectl --namespace %s delete service gateway), of which the next may have another address" $release.Namespace }}
{{- include "knitfab.fixed" (list "gateway.service.loadBalancerClass" .loadBalancerClass (dig "spec" "loadBalancerClass" "the class of the cluster" $there) $anew) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A quantity of bytes. */}}
{{- define "knitfab.bytes" -}}
{{- printf "%.0f" (include "knitfab.amount" . | float64) }}
{{- end }}

{{/* A quantity, for it may be written in many ways. */}}
{{- define "knitfab.amount" -}}
{{- $text := include "knitfab.text" . }}
{{- $unit := regexFind "[A-Za-z]*$" $text }}
{{- $amount := trimSuffix $unit $text | float64 }}
{{- range until (get (dict "k" 1 "K" 1 "M" 2 "G" 3 "T" 4 "P" 5 "E" 6) (trunc 1 $unit) | default 0 | int) }}
{{- $amount = mulf $amount (hasSuffix "i" $unit | ternary 1024 1000) }}
{{- end }}
{{- printf "%.3f" (eq $unit "m" | ternary (divf $amount 1000) $amount) }}
{{- end }}

{{/* That of the release, or of the Data that one has left. */}}
{{- define "knitfab.layoutThere" -}}
{{- $ns := .Release.Namespace }}
{{- $layout := "" }}
{{- range (lookup "v1" "PersistentVolumeClaim" $ns "").items }}
{{- $labels := .metadata.labels | default dict }}
{{- if eq .metadata.name "knitfab-data" }}
{{- $layout = "shared" }}
{{- else if and (eq (get $labels "app.kubernetes.io/name") "data") (eq (get $labels "app.kubernetes.io/managed-by") "knit") }}
{{- $layout = "per-data" }}
{{- end }}
{{- end }}
{{- dig "data" "KNIT_VOLUME_LAYOUT" $layout (lookup "v1" "ConfigMap" $ns "knitfab-settings") }}
{{- end }}

{{- define "knitfab.missingSecrets" -}}
{{- with .Values }}
{{- include "knitfab.missingKeys" (list $ "secrets.signingKey" .secrets.signingKey (dict "KNIT_SIGNING_KEY" 32)) }}
{{- include "knitfab.missingKeys" (list $ "tracing.headersSecret" (include "knitfab.tracesSecret" $) (dict "OTEL_EXPORTER_OTLP_HEADERS" 1)) }}
{{- include "knitfab.missingKeys" (list $ "secrets.token" .secrets.token (dict "KNIT_TOKEN" 16)) }}
{{- $database := dict "KNIT_DATABASE_URL" 1 }}
{{- if .postgres.enabled }}{{ $database = set $database "POSTGRES_PASSWORD" 1 }}{{ end }}
{{- include "knitfab.missingKeys" (list $ "secrets.database" .secrets.database $database) }}
{{- include "knitfab.missingKeys" (list $ "gateway.tlsSecret" .gateway.tlsSecret (dict "tls.crt" 1 "tls.key" 1)) }}
{{- range .image.pullSecrets }}
{{- include "knitfab.missingKeys" (list $ "image.pullSecrets" .name (dict)) }}
{{- end }}
{{- range .workers.imagePullSecrets }}
{{- include "knitfab.missingKeys" (list $ "workers.imagePullSecrets" . (dict)) }}
{{- end }}
{{- $ns := $.Release.Namespace }}
{{- $secret := include "knitfab.secret" (list $ "database") }}
{{- if and .postgres.enabled (lookup "v1" "PersistentVolumeClaim" $ns "data-postgres-0") (not (lookup "v1" "Secret" $ns $secret)) }}
The namespace {{ $ns }} has the claim data-postgres-0 with a database, but no Secret {{ $secret }} with its password: make one with POSTGRES_PASSWORD and KNIT_DATABASE_URL and name it in secrets.database, or delete the claim with all that is in it.
{{- end }}
{{- end }}
{{- end }}

{{/* Takes: top, value, the Secret that it names, and how long what it has is at least, by key. */}}
{{- define "knitfab.missingKeys" -}}
{{- $ns := (index . 0).Release.Namespace }}
{{- $value := index . 1 }}
{{- $name := index . 2 }}
{{- with $name }}
{{- $secret := lookup "v1" "Secret" $ns $name }}
{{- if not $secret }}
{{ $value }} names the Secret {{ $name }}, which is not in the namespace {{ $ns }}: make it there first{{ with index $ 3 }}, with {{ keys . | sortAlpha | join " and " }}{{ end }}.
{{- else }}
{{- range $key, $length := index $ 3 }}
{{- if lt (len (dig "data" $key "" $secret | b64dec)) (int $length) }}
{{ $value }} names the Secret {{ $name }} of the namespace {{ $ns }}, in which {{ $key }} is {{ hasKey ($secret.data | default dict) $key | ternary (printf "shorter than %d characters" (int $length)) "missing" }}: make it anew.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "knitfab.missingClasses" -}}
{{- with .Values }}
{{- include "knitfab.missingStorage" (list "volumes.storageClass" .volumes.storageClass) }}
{{- if .postgres.enabled }}
{{- include "knitfab.missingStorage" (list "postgres.storageClass" .postgres.storageClass) }}
{{- end }}
{{- include "knitfab.missing" (list "workers.priorityClass" "scheduling.k8s.io/v1" "PriorityClass" "" .workers.priorityClass) }}
{{- include "knitfab.missing" (list "defaults.priorityClassName" "scheduling.k8s.io/v1" "PriorityClass" "" .defaults.priorityClassName) }}
{{- include "knitfab.missing" (list "jobs.priorityClassName" "scheduling.k8s.io/v1" "PriorityClass" "" .jobs.priorityClassName) }}
{{- if .postgres.enabled }}
{{- include "knitfab.missing" (list "postgres.priorityClassName" "scheduling.k8s.io/v1" "PriorityClass" "" .postgres.priorityClassName) }}
{{- end }}
{{- range $service, $own := .functions }}
{{- include "knitfab.missing" (list (printf "functions.%s.priorityClassName" $service) "scheduling.k8s.io/v1" "PriorityClass" "" $own.priorityClassName) }}
{{- end }}
{{- if .gateway.ingress.enabled }}
{{- include "knitfab.missing" (list "gateway.ingress.className" "networking.k8s.io/v1" "IngressClass" "" .gateway.ingress.className) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes: value, the class that it names, or none for the cluster's own default. */}}
{{- define "knitfab.missingStorage" -}}
{{- $value := index . 0 }}
{{- $name := index . 1 }}
{{- $names := list }}
{{- $default := "" }}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items }}
{{- $names = append $names .metadata.name }}
{{- if eq (dig "metadata" "annotations" "storageclass.kubernetes.io/is-default-class" "" .) "true" }}{{ $default = .metadata.name }}{{ end }}
{{- end }}
{{- $there := $names | join ", " | default "none" }}
{{- if and $name (not (has $name $names)) }}
{{ $value }} names the StorageClass {{ $name }}, which this cluster does not have: take one that it has ({{ $there }}), or make it.
{{- else if not (or $name $default) }}
{{ $value }} is empty, and no StorageClass of this cluster is its default: take one that it has ({{ $there }}).
{{- end }}
{{- end }}

{{- define "knitfab.missingAccounts" -}}
{{- $ns := .Release.Namespace }}
{{- range .Values.workers.serviceAccounts }}
{{- include "knitfab.missing" (list "workers.serviceAccounts" "v1" "ServiceAccount" $ns .) }}
{{- end }}
{{- end }}

{{- define "knitfab.missingBroker" -}}
{{- $ns := .Release.Namespace }}
{{- $ingress := include "knitfab.brokerIngress" . }}
{{- with .Values.broker }}
{{- if and $ingress (not .url) (not (lookup "v1" "Service" "knative-eventing" $ingress)) }}
broker.class is {{ .class }}, for which knative-eventing has no Service {{ $ingress }}: install the brokers of this class (https://knative.dev/docs/eventing/brokers/), take another class, or say in broker.url where they take events.
{{- end }}
{{- if not .create }}
{{- if $.Capabilities.APIVersions.Has "eventing.knative.dev/v1" }}
{{- include "knitfab.missing" (list "broker.name" "eventing.knative.dev/v1" "Broker" $ns .name) }}
{{- include "knitfab.missing" (list "broker.workers" "eventing.knative.dev/v1" "Broker" $ns .workers) }}
{{- end }}
{{- else if .config }}
{{- with .config }}
{{- if $.Capabilities.APIVersions.Has (printf "%s/%s" .apiVersion .kind) }}
{{- include "knitfab.missing" (list "broker.config" .apiVersion .kind (.namespace | default $ns) .name) }}
{{- else }}
broker.config is a {{ .kind }} of {{ .apiVersion }}, which this cluster does not know: install what brokers of the class {{ $.Values.broker.class }} need.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes: value, and of what it names version, kind, namespace and name. */}}
{{- define "knitfab.missing" -}}
{{- $name := index . 4 }}
{{- if and $name (not (lookup (index . 1) (index . 2) (index . 3) $name)) }}
{{ index . 0 }} names the {{ index . 2 }} {{ $name }}, which {{ with index . 3 }}the namespace {{ . }}{{ else }}this cluster{{ end }} does not have: make it first, or name another.
{{- end }}
{{- end }}

{{/* What a namespace enforces that takes no program as the values want them. Takes: top, namespace. */}}
{{- define "knitfab.noPrograms" -}}
{{- $profile := dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" (index . 1) }}
{{- $ns := (index . 0).Release.Namespace }}
{{- if and (eq $profile "restricted") (eq (index . 0).Values.workers.profile "baseline") }}
workers.profile is baseline, while the namespace {{ $ns }} enforces the restricted profile of Pod Security, and would take no program: set workers.profile to restricted, or kubectl label --overwrite namespace {{ $ns }} pod-security.kubernetes.io/enforce=baseline.
{{- end }}
{{- end }}

{{/*
Limits that a quota wants every container to have: not all of ours have them, nor those of Knative. A quota for some Pods may be for none
of those. Takes: top, ResourceQuotas and LimitRanges of the namespace.
*/}}
{{- define "knitfab.missingDefaults" -}}
{{- $ns := (index . 0).Release.Namespace }}
{{- $defaults := dict }}
{{- range (index . 2).items }}
{{- range dig "spec" "limits" list . }}
{{- if eq .type "Container" }}{{ $defaults = merge $defaults (.default | default dict) }}{{ end }}
{{- end }}
{{- end }}
{{- range $quota := (index . 1).items }}
{{- if not (or $quota.spec.scopes $quota.spec.scopeSelector) }}
{{- range $name := list "cpu" "memory" }}
{{- if and (hasKey ($quota.spec.hard | default dict) (printf "limits.%s" $name)) (not (hasKey $defaults $name)) }}
The namespace {{ $ns }} has the ResourceQuota {{ $quota.metadata.name }} of limits.{{ $name }}, with which it takes no Pod with a container that names no such limit, and some name none: make a LimitRange there that gives them one (spec: {limits: [{type: Container, default: { {{- $name }}: {{ eq $name "cpu" | ternary "1" "512Mi" -}} }}]}).
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What Knative allows in a Service only when it is told to. */}}
{{- define "knitfab.missingFeatures" -}}
{{- if .Values.knative.zeroInitialScale }}
{{- include "knitfab.missingFeature" (list "knative.zeroInitialScale" "config-autoscaler" "allow-zero-initial-scale" "true") }}
{{- end }}
{{- range $name := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" }}
{{- $where := list }}
{{- if index $.Values.defaults $name }}{{ $where = append $where (printf "defaults.%s" $name) }}{{ end }}
{{- range splitList " " (include "knitfab.knativeServices" $) }}
{{- if index (index $.Values.functions . | default dict) $name }}{{ $where = append $where (printf "functions.%s.%s" . $name) }}{{ end }}
{{- end }}
{{- with $where }}
{{- include "knitfab.missingFeature" (list (first .) "config-features" (printf "kubernetes.podspec-%s" (lower $name)) "enabled") }}
{{- end }}
{{- end }}
{{- end }}

{{/* What is asked for beyond what Knative is set to allow. Takes: top, and the ConfigMaps of the autoscaler and of defaults. */}}
{{- define "knitfab.beyondKnative" -}}
{{- $top := index . 0 }}
{{- $autoscaler := dig "data" dict (index . 1) }}
{{- $defaults := dig "data" dict (index . 2) }}
{{- $bounds := list
  (dict "name" "maxScale" "map" "config-autoscaler" "key" "max-scale-limit" "most" (get $autoscaler "max-scale-limit" | default "0" | int))
  (dict "name" "concurrency" "map" "config-defaults" "key" "container-concurrency-max-limit" "most" (get $defaults "container-concurrency-max-limit" | default "1000" | int))
  (dict "name" "timeout" "map" "config-defaults" "key" "max-revision-timeout-seconds" "most" (get $defaults "max-revision-timeout-seconds" | default "600" | int)) }}
{{- range $service, $asked := include "knitfab.asked" $top | fromJson }}
{{- range $bounds }}
{{- $is := include "knitfab.number" (list $top $service .name (get $asked .name)) | int }}
{{- if and .most (gt $is .most) }}
functions.{{ $service }}.{{ .name }} is {{ $is }}, and Knative allows {{ .most }} at most here: say less, or kubectl -n knative-serving patch configmap {{ .map }} --type merge -p '{"data":{"{{ .key }}":"{{ $is }}"}}'.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Takes: value, and of what it needs the ConfigMap, the key and what it has to be. */}}
{{- define "knitfab.missingFeature" -}}
{{- $is := dig "data" (index . 2) "" (lookup "v1" "ConfigMap" "knative-serving" (index . 1)) | lower }}
{{- if not (has $is (list "allowed" (index . 3))) }}
{{ index . 0 }} is something that Knative does not allow here: kubectl -n knative-serving patch configmap {{ index . 1 }} --type merge -p '{"data":{"{{ index . 2 }}":"{{ index . 3 }}"}}'.
{{- end }}
{{- end }}

{{/* Whether policies let in the ingress of Knative, as far as is known by the names of namespaces. Takes: top, ConfigMap of Knative's network. */}}
{{- define "knitfab.otherIngress" -}}
{{- $network := index . 1 }}
{{- with (index . 0).Values.networkPolicies }}
{{- $class := dig "data" "ingress-class" "istio.ingress.networking.knative.dev" $network }}
{{- if and .enabled $network (contains "kourier-system" (toJson .knative)) (not (contains "kourier" $class)) }}
networkPolicies.knative names kourier-system, while the ingress of Knative is {{ $class }}: name the namespaces of that one instead (README.md, Networks that enforce policies), or no call would ever be answered.
{{- end }}
{{- end }}
{{- end }}
