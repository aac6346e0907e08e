import { visible } from './visible.ts'

/** A quoted name of a Graphviz document, or the lines of a label. */
export const quoted = (...lines: string[]): string =>
  `"${lines.map((line) => visible(line).replace(/["\\]/g, '\\$&')).join('\\n')}"`
