import { quoted } from '#shared/domain/dot.ts'
import { visible } from '#shared/domain/visible.ts'

/** Pieces of a Graphviz document. */

/** Text within a label that is written like HTML. */
export const escaped = (text: string): string =>
  visible(text).replace(/[&<>"]/g, (letter) => entities[letter] ?? letter)

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export const small = (text: string): string => `<FONT POINT-SIZE="8">${escaped(text)}</FONT>`

export const bold = (text: string): string => `<B>${escaped(text)}</B>`

export const coloured = (colour: string, content: string): string =>
  `<FONT COLOR="${colour}">${content}</FONT>`

type Cell = { content: string; background?: string; span?: number }

export const cell = ({ content, background, span }: Cell): string =>
  `<TD${span ? ` COLSPAN="${span}"` : ''}${background ? ` BGCOLOR="${background}"` : ''}>${content}</TD>`

/** The first cell of a node: what kind of thing it is, white on its colour. */
export const badge = (kind: string, colour: string): string =>
  cell({ content: coloured('#FFFFFF', bold(kind)), background: colour })

/** A node drawn as a table. */
export function tableNode(id: string, colour: string, rows: string[][]): string {
  const lines = rows.map((cells) => `    <TR>${cells.join('')}</TR>`).join('\n')
  const table = `<TABLE CELLSPACING="0">\n${lines}</TABLE>`
  return `  ${quoted(id)} [shape=none color="${colour}" label=<${table}>];`
}

/** A node of which nothing is known but its id. */
export const missingNode = (id: string, colour: string, label: string): string =>
  `  ${quoted(id)} [shape=box style=dashed color="${colour}" label=${quoted(label, '(not found)')}];`

/** A whole document; without a newline at its end. */
export function digraph(nodes: string[], edges: string[]): string {
  const defaults = ['  node [shape=record fontsize=10]', '  edge [fontsize=10]']
  return ['digraph G {', ...defaults, ...nodes, '', ...edges, '}'].join('\n')
}
