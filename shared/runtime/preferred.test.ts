import { expect, test } from 'vitest'
import { wantedCoding, wantsProblem } from './preferred.ts'

test.for([
  'application/problem+json',
  'application/json, application/problem+json',
  'application/problem+json, application/json',
  'Application/Problem+JSON',
  'application/problem+json;q=0.5, */*',
  'application/json;q=0.5 , application/problem+json ; q=0.5',
  'text/html, application/problem+json; charset=utf-8',
])('%s asks for problem details', (accept) => {
  expect(wantsProblem(accept)).toBe(true)
})

test.for([
  null,
  '',
  '*/*',
  'application/*',
  'application/json',
  'application/problem+json;q=0',
  'application/problem+json;q=0.1, application/json',
  'application/problem+jsonx',
  'text/application/problem+json',
  'application/problem+json;q=x',
])('%s does not', (accept) => {
  expect(wantsProblem(accept)).toBe(false)
})

test.for([
  ['application/tar+zstd', 'zstd'],
  ['application/tar+zstd, application/tar+gzip;q=0.9', 'zstd'],
  ['application/tar+gzip, application/tar+zstd;q=0.5', 'gzip'],
  ['application/tar+zstd;q=0', 'gzip'],
  ['application/*', 'gzip'],
  [null, 'gzip'],
] as const)('for %s an archive is compressed with %s', ([accept, coding]) => {
  expect(wantedCoding(accept)).toBe(coding)
})
