import { expect, test } from 'vitest'
import { containerVerdict } from './container-verdict.ts'

const verdict = (stage: string, trouble: string) =>
  containerVerdict({ stage, trouble, image: 'x:1', architecture: 's390x' })

test.each([
  ['Error response from daemon: manifest for x:1 not found: manifest unknown', 'plan'],
  ['Error response from daemon: pull access denied for x, repository does not exist', 'plan'],
  ['Error: initializing source docker://x:1: reading manifest 1: unauthorized', 'plan'],
  ['Error: pinging container registry r: dial tcp: lookup r: no such host', 'machine'],
  ['Error response from daemon: Get "https://r/v2/": net/http: TLS handshake timeout', 'machine'],
  ['tls: failed to verify certificate: x509: certificate signed by unknown authority', 'machine'],
  ['', 'machine'],
])('an image that cannot be pulled, "%s", is to be laid to the %s', (trouble, cause) => {
  const found = verdict('pull', trouble)
  expect(found).toMatchObject({ cause, message: expect.stringContaining('x:1 cannot be pulled') })
  const said = trouble.replace(/^Error[^:]*: /, '') || 'did not say why'
  expect(found?.message).toContain(said)
})

test.each([
  ['exec: "x": executable file not found in $PATH', 127],
  ['exec: "/etc/passwd": permission denied', 126],
  ['exec /bin/x: exec format error', 126],
])('a command that cannot be executed, "%s", exits with %i', (trouble, exitCode) => {
  expect(verdict('start', `${trouble}\nError: failed to start containers: y\n`)).toEqual({
    cause: 'plan',
    exitCode,
    message: expect.stringContaining(trouble),
  })
})

test('what nobody foresaw may be tried again, and is told as it is', () => {
  expect(verdict('create', 'Error: no GPUs here')).toMatchObject({
    cause: 'machine',
    message: expect.stringContaining('no GPUs here'),
  })
  expect(verdict('run', 'whatever')).toBeUndefined()
})
