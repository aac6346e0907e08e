import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Who has the means to ask others for something, and who says whom. It is never who asks us. */
const means = {
  'functions/gateway/extra-apis.ts': 'the admin: KNIT_EXTRA_APIS',
  'functions/gateway/forward.ts': 'the admin: KNIT_FUNCTION_URL',
  'shared/adapters/hook-client.ts': 'the admin: KNIT_HOOKS_BEFORE and KNIT_HOOKS_AFTER',
  'shared/adapters/http-bus.ts': 'the admin: KNIT_BROKER_URL and KNIT_FUNCTION_URL',
  'shared/adapters/kubernetes-cluster/agent-call.ts': 'the cluster: addresses of our own Pods',
  'shared/adapters/kubernetes-cluster/pod-log.ts': 'the cluster: its API server',
  'shared/adapters/kubernetes-cluster/volume-use.ts': 'the cluster: its API server',
  'shared/adapters/otlp-sink.ts': 'the admin: OTEL_EXPORTER_OTLP_ENDPOINT',
  'shared/client/api.ts': 'the user of the client, on their own machine',
  'shared/client/connection.ts': 'the user of the client, on their own machine',
  'shared/client/offer.ts': 'the user of the client, on their own machine',
  'shared/oidc/provider.ts': 'the admin: KNIT_OIDC_ISSUER, and what that provider says of itself',
  'shared/runtime/http-server.ts': 'nobody: it has the module to serve https',
}

const imported =
  /^import (https?|net|tls|\{[^}]*\b(request|get|connect|Agent|createConnection)\b[^}]*\}).*from '(node:(https?|net|tls|http2)|undici)'/m
const exporter = /from '@opentelemetry\/exporter-/
const byName = /getBuiltinModule\('node:(https?|net|tls|http2)'\)/
const fetched = /(?<![.\w])fetch\(url\b/

test('nobody is asked for what a request names: those who can ask are directed by admins', () => {
  const found = globSync('{functions,shared}/**/*.ts').filter((path) => {
    const source = readFileSync(path, 'utf8')
    return (
      !path.endsWith('.test.ts') &&
      [imported, exporter, byName, fetched].some((means) => means.test(source))
    )
  })
  expect(found.toSorted()).toEqual(Object.keys(means).toSorted())
})
