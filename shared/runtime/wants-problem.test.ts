import { expect, test } from 'vitest'
import { wantsProblem } from './wants-problem.ts'

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
