import { stringify } from 'yaml'

/** Something Helm fills in when the chart is rendered. */
class Expression {
  readonly text: string
  readonly form: 'inline' | 'block'
  constructor(text: string, form: 'inline' | 'block') {
    this.text = text
    this.form = form
  }
}

/** A plain value: `{{ .Release.Name }}`. */
export const filled = (text: string): unknown => new Expression(text, 'inline')

/** A mapping or a list, as YAML at its place: `{{- toYaml .Values.x | nindent N }}`. */
export const filledBlock = (text: string): unknown => new Expression(text, 'block')

/** Keys among others that are there or not, as a template decides: spread it into a mapping. */
export const filledKeys = (text: string): Record<string, unknown> => ({
  [`{{${text}}}`]: new Expression(text, 'block'),
})

/** Manifests as a template of a chart, each with the condition under which it is there. */
export function template(source: string, manifests: readonly Manifest[]): string {
  const documents = manifests.map(({ when, ...object }) => {
    const text = fill(object)
    return when ? `{{- if ${when} }}\n---\n${text}{{- end }}\n` : `---\n${text}`
  })
  return [`# Generated from ${source} by \`npm run generate\`.\n`, ...documents].join('')
}

/** Texts for templates that people write: `include "knitfab.NAME" $`. */
export const namedTemplates = (source: string, texts: Record<string, string>): string =>
  [
    `{{/* Generated from ${source} by \`npm run generate\`. */}}\n`,
    ...Object.entries(texts).map(
      ([name, text]) => `{{- define "knitfab.${name}" -}}${text}{{- end }}\n`,
    ),
  ].join('')

export type Manifest = Record<string, unknown> & { kind: string; when?: string }

function fill(object: unknown): string {
  const expressions: Expression[] = []
  const marked = stringify(
    object,
    (_key, value: unknown) => {
      if (!(value instanceof Expression)) return value
      expressions.push(value)
      return `__${expressions.length - 1}__`
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  )
  return marked.replace(
    /^( *(?:- )*)("?\{\{.*\}\}"?|[^\n]*?)(:?) ?__(\d+)__$/gm,
    (_, indent: string, key: string, colon: string, index: string) => {
      const expression = expressions[Number(index)]
      if (!expression) throw new Error(`there is no expression ${index}`)
      const { text, form } = expression
      const depth = indent.length
      if (key.includes('{{')) return `${' '.repeat(depth)}{{- ${text} | nindent ${depth} }}`
      const lead = `${indent}${key}${colon}`
      if (form === 'inline') return `${lead}${colon ? ' ' : ''}{{ ${text} }}`
      return `${lead}\n${' '.repeat(depth + 2)}{{- ${text} | nindent ${depth + 2} }}`
    },
  )
}
