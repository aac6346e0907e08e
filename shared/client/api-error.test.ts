import { expect, test } from 'vitest'
import { ProviderAway } from '#shared/oidc/provider.ts'
import { ApiError, ConnectionError, isAway } from './api-error.ts'

const lineOf = (code: string) => new ConnectionError('away', Object.assign(new Error(), { code }))
const answerOf = (status: number) => new ApiError('runs.show', status, { detail: 'no' })

test.each([
  ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'].map(
    lineOf,
  ),
  ...[429, 502, 503, 504].map(answerOf),
  new ProviderAway('no answer within 5 s'),
])('there is hope that who fails so is back in a moment: %o', (error) => {
  expect(isAway(error)).toBe(true)
})

test.each([
  ...['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'HPE_INVALID_CONSTANT'].map(lineOf),
  ...[400, 401, 403, 404, 500].map(answerOf),
  new Error('your sign-in has ended'),
])('there is none where it fails so: %o', (error) => {
  expect(isAway(error)).toBe(false)
})
