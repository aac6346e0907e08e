import { beginOf, padded, widthOf } from './width.ts'

/** As much of a text as there is room for. */
export type Cut = (text: string, room: number) => string

const gap = '  '
// Of a sentence with less room than this nobody learns anything.
const fewest = 20

/**
 * The rows of a table, the first of which has the titles, as lines in which every column begins below its title. They are no wider than
 * `width`: what stands last in a row is cut, or, where hardly any of it would be left, has a line of its own. The columns before it then
 * give way as far as their titles let them, the widest first, but never the first of all, which names the things. Where even so there is
 * no room all of it is told.
 */
export function linesOf(
  rows: string[][],
  cuts: readonly (Cut | undefined)[],
  width = Infinity,
): string[] {
  const [titles = []] = rows
  const all = titles.map((_, index) => Math.max(...rows.map((row) => widthOf(row[index] ?? ''))))
  const [before, last] = [all.slice(0, -1), all.at(-1) ?? 0]
  const room = width - spanOf([...before, 0])
  if (before.length === 0 || room >= Math.min(last, fewest))
    return rows.map((row) => lineOf([...row.slice(0, -1), beginOf(row.at(-1) ?? '', room)], before))

  const narrow = givingWay(before, titles.map(widthOf), width)
  if (!narrow) return rows.map((row) => lineOf(row, before))
  return rows.flatMap((row) => {
    const cells = narrow.map((most, index) => (cuts[index] ?? beginOf)(row[index] ?? '', most))
    const below = beginOf(row.at(-1) ?? '', width - gap.length)
    return [lineOf(cells, narrow), ...(below === '' ? [] : [`${gap}${below}`])]
  })
}

const lineOf = (cells: string[], widths: number[]): string =>
  cells
    .map((cell, index) => padded(cell, widths[index] ?? 0))
    .join(gap)
    .trimEnd()

const spanOf = (widths: number[]): number =>
  widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1))

/** Widths that have room side by side; undefined when none have. */
function givingWay(
  natural: number[],
  least: readonly number[],
  room: number,
): number[] | undefined {
  const widths = [...natural]
  while (spanOf(widths) > room) {
    const free = widths.map((width, at) => (at > 0 && width > (least[at] ?? 0) ? width : 0))
    const widest = Math.max(...free)
    if (widest === 0) return undefined
    widths[free.indexOf(widest)] = widest - 1
  }
  return widths
}
