import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../phase.ts'

const chart = new URL('../../../charts/knitfab', import.meta.url).pathname
const page = readFileSync(join(chart, 'README.md'), 'utf8')

/** The commands of a section of the README, block by block, for a namespace. */
export function commandsOf(section: string, namespace: string): string[] {
  const [, text = ''] = page.split(`\n## ${section}\n`)
  const [own = ''] = text.split('\n## ')
  return [...own.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) =>
    block
      .replaceAll(/(-n|--namespace) knitfab\b/g, `$1 ${namespace}`)
      .replaceAll('postgres.knitfab.svc', `postgres.${namespace}.svc`),
  )
}

/** Where an admin types commands: a folder with the chart, and with the values of the release. */
export function deskIn(folder: string, values: string): (commands: string) => Promise<string> {
  const desk = join(folder, 'desk')
  mkdirSync(join(desk, 'charts'), { recursive: true })
  symlinkSync(chart, join(desk, 'charts/knitfab'))
  writeFileSync(join(desk, 'values.yaml'), values)
  return (commands) => run(['bash', '-ec', `cd ${desk}\n${commands}`])
}
