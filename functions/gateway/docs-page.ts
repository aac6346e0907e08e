type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Obj = { [key: string]: Json }

/** The description of the API as a page for people: without scripts, and without anything from elsewhere. */
export function docsPage(openapi: object): string {
  const { info, paths, components } = openapi as { [key: string]: Obj }
  const operations = Object.entries(paths ?? {}).flatMap(([path, item]) =>
    Object.entries(objectOf(item)).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      ...(objectOf(operation) as unknown as Operation),
    })),
  )
  const byTag = Map.groupBy(operations, ({ tags: [tag = ''] = [] }) => tag)
  const schemas = Object.entries(objectOf(components?.['schemas']))
  const examples = Object.entries(objectOf(components?.['examples']))
  const headers = objectOf(components?.['headers'])
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(textOf(info?.['title']))} API</title>`,
    `<style>${style}</style>`,
    `<h1>${escaped(textOf(info?.['title']))} API ${escaped(textOf(info?.['version']))}</h1>`,
    `<p>${escaped(textOf(info?.['description']))} For programs: <a href="/api/openapi.json">openapi.json</a>.</p>`,
    `<nav>${[...byTag.keys()].map((tag) => `<a href="#${escaped(tag)}">${escaped(tag)}</a>`).join(' ')} <a href="#schemas">schemas</a> <a href="#examples">examples</a></nav>`,
    ...[...byTag].flatMap(([tag, own]) => [
      `<h2 id="${escaped(tag)}">${escaped(tag)}</h2>`,
      ...own.map((operation) => section(operation, headers)),
    ]),
    '<h2 id="schemas">schemas</h2>',
    ...schemas.map(([name, schema]) => details(`schema-${name}`, name, schema)),
    '<h2 id="examples">examples</h2>',
    ...examples.map(([name, example]) =>
      details(`example-${name}`, name, objectOf(example)['value'] ?? null),
    ),
    '</html>',
    '',
  ].join('\n')
}

type Operation = {
  operationId: string
  summary: string
  description: string
  tags?: string[]
  parameters?: Obj[]
  requestBody?: Obj
  responses: Obj
}

function section(operation: Operation & { method: string; path: string }, shared: Obj): string {
  const { method, path, operationId, summary, description } = operation
  const { parameters = [], requestBody, responses } = operation
  const body = contentOf(requestBody)
  const headers = headerRows(responses, shared)
  return [
    `<section id="${escaped(operationId)}">`,
    `<h3><code>${method} ${escaped(path)}</code></h3>`,
    `<p>${escaped(summary)} ${escaped(description)}</p>`,
    parameters.length > 0
      ? table(['parameter', 'in', 'what it is', '', 'such as'], parameters.map(parameterRow))
      : '',
    body ? `<p>Body: ${body}</p>` : '',
    table(['answer', 'when', 'what it is'], Object.entries(responses).map(answerRow)),
    headers.length > 0
      ? table(['header of an answer', 'which', 'what it says', '', 'such as'], headers)
      : '',
    '</section>',
  ].join('\n')
}

const details = (id: string, name: string, value: Json): string =>
  `<details id="${escaped(id)}"><summary>${escaped(name)}</summary><pre>${linked(value)}</pre></details>`

const parameterRow = ({ name, in: where, required, description, example }: Obj): string[] => [
  `<code>${escaped(textOf(name))}</code>`,
  escaped(textOf(where)),
  escaped(textOf(description)),
  required === true ? 'needed' : '',
  inCode(example),
]

const inCode = (example: Json | undefined): string =>
  example === undefined ? '' : `<code>${escaped([example].flat().join(', '))}</code>`

/** The headers of all answers: those that say the same in several of them once. */
function headerRows(responses: Obj, shared: Obj): string[][] {
  const all = Object.entries(responses).flatMap(([status, answer]) =>
    Object.entries(objectOf(objectOf(answer)['headers'])).map(([name, header]) => ({
      status,
      name,
      header: resolved(objectOf(header), shared),
    })),
  )
  const same = Map.groupBy(all, ({ name, header }) => JSON.stringify([name, header]))
  return [...same.values()].map((group) => {
    const [{ name, header } = { name: '', header: {} as Obj }] = group
    return [
      `<code>${escaped(name)}</code>`,
      escaped(group.map(({ status }) => status).join(', ')),
      escaped(textOf(header['description'])),
      header['required'] === true ? 'always' : '',
      inCode(header['example']),
    ]
  })
}

/** What is written once for several answers. */
function resolved(header: Obj, shared: Obj): Obj {
  const name = textOf(header['$ref']).replace('#/components/headers/', '')
  return name ? objectOf(shared[name]) : header
}

const answerRow = ([status, answer]: [string, Json]): string[] => [
  escaped(status),
  escaped(textOf(objectOf(answer)['description'])),
  contentOf(objectOf(answer)),
]

/** The media types of a body, each with what it holds and what that looks like. */
function contentOf(holder: Obj | undefined): string {
  const content = Object.entries(objectOf(holder?.['content']))
  return content
    .map(([type, media]) => {
      const { schema = {}, examples } = objectOf(media)
      const shown = Object.entries(objectOf(examples)).map(exampleOf)
      return `<code>${escaped(type)}</code> ${linked(schema)} ${shown.join(' ')}`.trimEnd()
    })
    .join('<br>')
}

/** A link to an example, or what is shown in place. */
function exampleOf([name, example]: [string, Json]): string {
  const { $ref, value } = objectOf(example)
  const own = textOf($ref).replace('#/components/examples/', '')
  return own
    ? `<a href="#example-${escaped(own)}">${escaped(name)}</a>`
    : `<pre>${escaped(textOf(value))}</pre>`
}

/** A schema as text, in which names of schemas lead to them. */
const linked = (schema: Json): string =>
  escaped(JSON.stringify(schema, null, 2)).replace(
    /\{\s*&quot;\$ref&quot;: &quot;#\/components\/schemas\/(\w+)&quot;\s*\}/g,
    '<a href="#schema-$1">$1</a>',
  )

const table = (head: string[], rows: string[][]): string =>
  [
    '<table>',
    `<tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr>`,
    ...rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`),
    '</table>',
  ].join('\n')

const objectOf = (value: Json | undefined): Obj =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => entities[letter] ?? letter)

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const style = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
h2 { margin-top: 3rem; } h3 { margin-bottom: 0; } nav a { margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
th { font-weight: normal; opacity: .6; } pre { overflow: auto; }`
