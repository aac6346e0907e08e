import { shellLine } from '#shared/domain/shell.ts'

export type Further = {
  home: string
  port: string
  profileStore: string
  profileName: string
  /** Of the last run, and of the report it wrote. */
  run: string
  report: string
  runsOn: boolean
}

/** What to try when the demo is over: commands that can be pasted, each with what it does. */
export function furtherCommands(given: Further): string[][] {
  const { home, port, run, report } = given
  const knit = (...words: string[]) => shellLine(['npx', 'knit', ...words])
  const start = knit('local', 'start', '--home', home, '--port', port, '--detach')
  const store = `KNIT_PROFILE_STORE=${given.profileStore}`
  return [
    ...(given.runsOn ? [] : [[start, '# starts it again']]),
    [shellLine(['export', store, `KNIT_PROFILE=${given.profileName}`])],
    [knit('run', 'find', '--output', 'table'), '# every run'],
    [knit('run', 'show', '--history', run), '# where the time of the last one went'],
    [knit('run', 'show', '--log', run), '# what it printed'],
    [knit('data', 'lineage', '-n', 'all', report), '# what the last report was made of'],
    [knit('local', 'stop', '--home', home), '# stops it; all is kept'],
  ]
}
