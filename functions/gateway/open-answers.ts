import { auth } from '#shared/contracts/auth.ts'
import type { ResponseOf, Route } from '#shared/contracts/route.ts'
import { jsonText } from '#shared/runtime/respond.ts'
import { answer } from '#shared/runtime/web.ts'
import { docsPage } from './docs-page.ts'

/** What there is to tell. */
export type Told = {
  /** The OpenAPI document of the routes. */
  openapi: object
  /** How to sign in. */
  signIn?: ResponseOf<typeof auth.show>
}

type Tell = (isPretty: boolean) => Response

/** What no function serves: what there is, for programs and for people. */
const description: Route = {
  name: 'openapi',
  method: 'get',
  path: '/api/openapi.json',
  summary: 'What there is.',
  role: 'viewer',
  response: 'application/json',
  problems: [],
}
const docs: Route = { ...description, name: 'docs', path: '/api/docs', response: 'text/html' }

const ofJson = { 'content-type': 'application/json' }
const ofPage = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
}

/** What everybody may read, by its route. */
export const openAnswers = ({ openapi, signIn = {} }: Told): Map<Route, Tell> =>
  new Map<Route, Tell>([
    [description, writtenOnce(ofJson, (isPretty) => jsonText(openapi, isPretty))],
    [docs, writtenOnce(ofPage, () => docsPage(openapi))],
    [auth.show, writtenOnce(ofJson, (isPretty) => jsonText(signIn, isPretty))],
  ])

/** It is the same for everybody, so each form is written when it is first asked for, and kept. */
function writtenOnce(headers: Record<string, string>, write: (isPretty: boolean) => string): Tell {
  const texts = new Map<boolean, string>()
  return (isPretty) => {
    const text = texts.get(isPretty) ?? write(isPretty)
    texts.set(isPretty, text)
    return answer(text, { headers })
  }
}
