import { parse } from 'postgres-array'
import type postgres from 'postgres'

/** A list as PostgreSQL reads it: each element quoted, so that none is taken for null or a separator. A text is one already. */
const serialize = (list: readonly unknown[] | string): string =>
  typeof list === 'string' ? list : `{${list.map(serializeElement).join()}}`

const serializeElement = (element: unknown): string =>
  element === null ? 'null' : quoted(String(element))

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`

const arrayOf = <T>(oid: number, element: (text: string) => T): postgres.PostgresType => ({
  to: oid,
  from: [oid],
  serialize,
  parse: (text: string) => parse(text, element),
})

/**
 * The arrays of our columns and parameters, by the numbers that PostgreSQL gives its own types for ever. The driver would ask
 * for those of all types on every new connection, and end the process when that question is refused.
 */
export const arrayTypes = {
  _int4: arrayOf(1007, Number),
  _text: arrayOf(1009, String),
  _int8: arrayOf(1016, String),
  _float8: arrayOf(1022, Number),
  _uuid: arrayOf(2951, String),
}
