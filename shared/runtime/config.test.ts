import { expect, test } from 'vitest'
import { Config, configFrom, variableOf } from './config.ts'

const needed = {
  KNIT_DATABASE_URL: 'postgres://u:p@h/d',
  KNIT_SIGNING_KEY: 'k'.repeat(32),
}

test('with only what is needed, every setting has its default', () => {
  expect(configFrom(needed)).toMatchObject({
    release: 'knitfab',
    databaseUrl: 'postgres://u:p@h/d',
    port: 8080,
    logFormat: 'json',
    claimLease: 30,
    lookInterval: 30,
    maxAttempts: 3,
    maxDataBytes: 1_099_511_627_776,
    maxDataEntries: 1_000_000,
    maxPlanBytes: 65_536,
    maxInputs: 100,
    maxTags: 100,
    maxTagBytes: 4096,
  })
})

test('a setting is read from its variable, and an empty one is as if absent', () => {
  expect(variableOf('maxTagBytes')).toBe('KNIT_MAX_TAG_BYTES')
  const config = configFrom({ ...needed, KNIT_MAX_TAG_BYTES: '17', KNIT_PORT: '' })
  expect(config).toMatchObject({ maxTagBytes: 17, port: 8080 })
})

test('every mistake is named at once, by its variable, and no secret is shown', () => {
  const read = () =>
    configFrom({
      KNIT_SIGNING_KEY: 'too short a secret',
      KNIT_PORT: '99999',
      KNIT_LOG_LEVEL: 'loud',
      KNIT_CLAIM_LEASE: '-1',
      KNIT_MAX_TAGS: '1.5',
      KNIT_RELEASE: 'Not A Name',
    })
  expect(read).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(
        /KNIT_RELEASE[^]*KNIT_DATABASE_URL[^]*KNIT_SIGNING_KEY[^]*KNIT_PORT[^]*KNIT_LOG_LEVEL[^]*KNIT_CLAIM_LEASE[^]*KNIT_MAX_TAGS/,
      ),
    }),
  )
  expect(read).not.toThrow(/too short a secret/)
  expect(read).toThrow('  KNIT_DATABASE_URL: it is missing\n')
  expect(read).toThrow('  KNIT_PORT: expected at most 65535\n')
})

test('what Kubernetes counts in whole seconds is given in whole seconds', () => {
  const read = (grace: string) => configFrom({ ...needed, KNIT_WORKER_GRACE: grace })
  expect(read('45')).toMatchObject({ workerGrace: 45 })
  expect(() => read('2.5')).toThrow('KNIT_WORKER_GRACE: ')
})

test('a time that is longer than any timer is refused, as it would be none', () => {
  expect(() => configFrom({ ...needed, KNIT_SWEEP_INTERVAL: '2147484' })).toThrow(
    '  KNIT_SWEEP_INTERVAL: expected at most 2000000',
  )
})

test.for([
  'ftp://x',
  'my-service',
  'http://',
  'file:///etc/passwd',
  'http://169.254.169.254/latest',
  'http://0xa9fea9fe/',
  'http://2852039166/',
  'http://[::ffff:169.254.169.254]/',
  'http://[fe80::1]/',
  'http://me:secret@my-service/',
])('%s is no hook, and what is wrong is told without a password', (url) => {
  for (const variable of ['KNIT_HOOKS_BEFORE', 'KNIT_HOOKS_AFTER']) {
    const read = () => configFrom({ ...needed, [variable]: `http://fine/ ${url}` })
    expect(read).toThrow(variable)
    expect(read).not.toThrow(/secret/)
  }
})

test('variables of others are not looked at', () => {
  expect(configFrom({ ...needed, PORT: '1', KNIT_UNKNOWN: 'x' })).toMatchObject({ port: 8080 })
})

test('every setting says what it is for', () => {
  const silent = Object.entries(Config.shape).filter(([, schema]) => !schema.description)
  expect(silent.map(([name]) => name)).toEqual([])
})
