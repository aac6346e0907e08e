import { expect, test } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import { routeFolder } from '#shared/contracts/route.ts'
import { docsPage } from './docs-page.ts'
import { openAnswers } from './open-answers.ts'
import openapi from './openapi.generated.json' with { type: 'json' }
import { findRoute, pathTable } from './path-table.ts'

const page = docsPage(openapi)

type Header = { $ref?: string; description: string; example: unknown }
type Operation = {
  operationId: string
  parameters: { name: string; in: string; description: string }[]
  responses: Record<string, { headers?: Record<string, Header> }>
}
const shared = Object.fromEntries(
  Object.entries<Header>(openapi.components.headers as never).map(([name, header]) => [
    `#/components/headers/${name}`,
    header,
  ]),
)
const entities: Record<string, string> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": '#39',
}
const asText = (text: string) => text.replace(/[&<>"']/g, (sign) => `&${entities[sign]};`)
const inCode = (text: string) => `<code>${asText(text)}</code>`

test('every route is there, with its summary, its parameters and its failures', () => {
  for (const route of routes) {
    const [, own = ''] = page.split(`<section id="${routeFolder(route)}">`)
    const [section = ''] = own.split('</section>')
    expect(section).toContain(route.method.toUpperCase())
    expect(section).toContain(route.path.replace(/:(\w+)/g, '{$1}'))
    for (const name of Object.keys(route.query?.shape ?? {}))
      expect(section).toContain(`<code>${name}</code>`)
    for (const code of route.problems) {
      const own = route.reasons?.[code] === undefined ? '' : `${routeFolder(route)}.`
      expect(section).toContain(`<a href="#example-${own}${code}">`)
      expect(section).toContain(`<a href="#example-${code}.problem">`)
    }
  }
})

test('every header of a request and of an answer is there, with what it says and which answers have it', () => {
  const cellsOf = (row: string) => row.split('</td>').map((cell) => cell.replace(/^<td>/, ''))
  let headers = 0
  for (const item of Object.values<Record<string, Operation>>(openapi.paths as never))
    for (const { operationId, parameters, responses } of Object.values(item)) {
      const [, own = ''] = page.split(`<section id="${operationId}">`)
      const rows = (own.split('</section>')[0] ?? '').split('<tr>').map(cellsOf)
      const told = rows.map(([name, where, what]) => [name, where?.split(', '), what])
      for (const { name, description } of parameters.filter((one) => one.in === 'header'))
        expect(told).toContainEqual([inCode(name), ['header'], asText(description)])
      for (const [status, answer] of Object.entries(responses))
        for (const [name, header] of Object.entries(answer.headers ?? {})) {
          const { description, example } = (header.$ref && shared[header.$ref]) || header
          headers += 1
          const which = expect.arrayContaining([status])
          expect(told).toContainEqual([inCode(name), which, asText(description)])
          expect(rows.map(([first, , , , such]) => [first, such])).toContainEqual([
            inCode(name),
            inCode(String(example)),
          ])
        }
    }
  expect(headers).toBeGreaterThan(100)
})

test('what is sent and answered is shown by examples', () => {
  const [, own = ''] = page.split('<section id="data-tag">')
  const [section = ''] = own.split('</section>')
  expect(section).toContain('<a href="#example-TagChange">')
  expect(section).toContain('<a href="#example-DataDetail">')
  expect(page).toContain('<details id="example-DataDetail.list">')
  expect(page.split('<section id="events-watch">')[1]).toContain('event: run\n')
})

test('nothing is loaded from anywhere, and nothing is executed', () => {
  expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=|javascript:/i)
  expect(page).not.toMatch(/(src|href)="(?:https?:)?\/\//)
})

test('every link leads to something on the page', () => {
  const targets = new Set([...page.matchAll(/id="([^"]+)"/g)].map(([, id]) => id))
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
  expect(links.length).toBeGreaterThan(50)
  expect(links.filter((id) => !targets.has(id))).toEqual([])
})

test('every link to elsewhere leads to something, also from the page with a slash at its end', () => {
  const table = pathTable([...openAnswers({ openapi }).keys()])
  const links = [...page.matchAll(/href="([^#"][^"]*)"/g)].map(([, link = '']) => link)
  expect(links.length).toBeGreaterThan(0)
  for (const at of ['/api/docs', '/api/docs/'])
    for (const link of links) {
      const { pathname } = new URL(link, `https://here.test${at}`)
      expect(findRoute(table, 'GET', pathname), `${link} at ${at}`).toMatchObject({ kind: 'route' })
    }
})

test('what is written in descriptions is text', () => {
  const evil = '<script>alert("1")</script>'
  const shown = docsPage({
    info: { title: evil, version: evil, description: evil },
    paths: {
      [`/${evil}`]: {
        get: {
          operationId: evil,
          summary: evil,
          description: evil,
          tags: [evil],
          parameters: [{ name: evil, in: evil, description: evil, example: evil }],
          responses: {
            [evil]: {
              description: evil,
              headers: { [evil]: { description: evil, example: evil }, b: { $ref: evil } },
              content: {
                [evil]: {
                  schema: { description: evil },
                  examples: { [evil]: { value: evil }, b: { $ref: evil } },
                },
              },
            },
          },
        },
      },
    },
    components: {
      schemas: { [evil]: { description: evil } },
      examples: { [evil]: { value: { [evil]: evil } } },
    },
  })
  expect(shown).not.toContain('<script>')
})
