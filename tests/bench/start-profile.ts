import { readFileSync, writeFileSync } from 'node:fs'
import { median, sum } from './harness.ts'

/** Whose turn it was, and since when, in milliseconds of the process. */
type Turn = [who: string, since: number]

/**
 * Makes a readable bundle write down, as it ends, whose turn it was while it started: each package, our own modules, and each
 * module of Node that is loaded.
 */
export function watchTurns(bundle: string, file: string): void {
  const [head = '', ...lines] = readFileSync(bundle, 'utf8').trimEnd().split('\n')
  const before = `
    const turns = [['node itself', 0], ['start.cjs', performance.nodeTiming.bootstrapComplete]]
    const turn = (who) => turns.push([who, performance.now()])`
  const after = `
    turn('the event loop')
    process.once('exit', () => require('node:fs').writeFileSync('${file}', JSON.stringify(turns)))`
  const end = lines.pop() ?? ''
  writeFileSync(bundle, [head, before, ...withTurns(lines), after, end].join('\n'))
}

function withTurns(lines: readonly string[]): string[] {
  let own = 'its modules'
  return lines.flatMap((line) => {
    own = moduleOf(line) ?? own
    if (line.startsWith('// ')) return [line, `turn('${own}')`]
    const loaded = /^var import_([a-z]+).*\brequire(?:\("(?:node:)?([\w/]+)"\)|_)/.exec(line)
    if (!loaded) return [line]
    const [, name, builtin] = loaded
    return [`turn('${builtin ? `node:${builtin}` : name}')`, line, `turn('${own}')`]
  })
}

/** Of a line that says where the lines after it are from. */
function moduleOf(line: string): string | undefined {
  const [, path] = /^\/\/ (\S+\.[a-z]+)$/.exec(line) ?? []
  if (path === undefined) return undefined
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? []
  if (name) return name
  if (!path.includes('/')) return 'settings, connections, listening'
  return /^shared\/(domain|contracts)/.test(path) ? 'its schemas' : 'its modules'
}

/** Milliseconds of each, the most first; `file` is read after each of the `starts`, which give back how long they took. */
export async function timesOfTurns(
  file: string,
  rounds: number,
  start: () => Promise<number>,
): Promise<string> {
  const times = new Map<string, number[]>()
  for (let round = 0; round < rounds; round += 1) {
    const whole = await start()
    const turns = JSON.parse(readFileSync(file, 'utf8')) as Turn[]
    const lasted = turns.map(([who, since], index): [string, number] => [
      who,
      (turns[index + 1]?.[1] ?? whole) - since,
    ])
    for (const [who, own] of Map.groupBy(lasted, ([who]) => who))
      times.set(who, [...(times.get(who) ?? []), sum(own.map(([, time]) => time))])
  }
  return [...times]
    .map(([who, all]) => ({ who, time: median(all) }))
    .filter(({ time }) => time >= 0.1)
    .toSorted((a, b) => b.time - a.time)
    .map(({ who, time }) => `${who} ${time.toFixed(1)}`)
    .join(', ')
}
