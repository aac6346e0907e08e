import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import openapi from '../../functions/gateway/openapi.generated.json' with { type: 'json' }

export type Json = null | boolean | number | string | Json[] | Obj
export type Obj = { [key: string]: Json }

/** The description of the API, as anybody gets it. */
export const document = openapi as unknown as Obj

export const isObject = (value: Json | undefined): value is Obj =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function object(value: Json | undefined): Obj {
  if (!isObject(value)) throw new Error(`expected an object, not ${JSON.stringify(value)}`)
  return value
}

export const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : [])

/** What is at a place of the document, by its steps. */
export const lookUp = (...steps: string[]): Json | undefined =>
  steps.reduce<Json | undefined>(
    (value, step) => (Array.isArray(value) ? value[Number(step)] : object(value)[step]),
    document,
  )

/** What a reference leads to, or what is no reference itself. */
export const resolved = (value: Json | undefined): Json | undefined =>
  isObject(value) && typeof value['$ref'] === 'string'
    ? lookUp(...value['$ref'].slice(2).split('/'))
    : value

export type Operation = { path: string; method: string; operation: Obj }

export const operations: Operation[] = Object.entries(object(document['paths'])).flatMap(
  ([path, item]) =>
    Object.entries(object(item)).map(([method, operation]) => ({
      path,
      method,
      operation: object(operation),
    })),
)

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema(openapi, 'openapi')

const escaped = (step: string): string =>
  encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))

/** What is wrong with a value by the schema at a place of the document; nothing when it fits. */
export function faults(value: unknown, ...steps: string[]): string[] {
  const check = ajv.getSchema(`openapi#/${steps.map(escaped).join('/')}`)
  if (!check) return [`there is no schema at ${steps.join('/')}`]
  void check(value)
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}
