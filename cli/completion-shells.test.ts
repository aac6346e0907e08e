import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import { until } from '#tests/support/until.ts'
import { bundle } from './bundle.ts'
import { projectFor, tempDir } from './testing.ts'

/** How a person has each shell complete, and how it is started: by the first lines of what `knit completion` prints. */
const shells = {
  bash: {
    file: '.bashrc',
    lines: `PS1='ready> '; eval "$(knit completion bash)"`,
    words: (home: string) => ['bash', '--rcfile', join(home, '.bashrc'), '-i'],
  },
  zsh: {
    file: '.zshrc',
    lines: `PS1='ready> '; autoload -U compinit; compinit -u; eval "$(knit completion zsh)"`,
    words: () => ['zsh', '-i'],
  },
  fish: {
    file: '.config/fish/config.fish',
    lines: `function fish_prompt; echo 'ready> '; end
      mkdir -p ~/.config/fish/completions
      knit completion fish > ~/.config/fish/completions/knit.fish`,
    words: () => ['fish', '-i'],
  },
}
type Shell = keyof typeof shells

const run = sampleRun('t1', { outputs: [['/out', 'd1']] })
const things: Record<string, unknown[]> = {
  data: [sampleData('d1', run, [], ['type:photo', 'note:a b'])],
  runs: [run],
  plans: [samplePlan('p1')],
}

/** What is typed, a tab for the key of that name, and the words that stand there then. */
const typed: [string, string[]][] = [
  ['knit ru\t', ['knit', 'run']],
  ['knit run sh\t', ['knit', 'run', 'show']],
  ['knit run show \t', ['knit', 'run', 'show', idOf('t1')]],
  ['knit run find --sta\tfai\t', ['knit', 'run', 'find', '--status', 'failed']],
  ['knit data find -t type:ph\t', ['knit', 'data', 'find', '-t', 'type:photo']],
  ['knit data find -t note:\t', ['knit', 'data', 'find', '-t', 'note:a b']],
  ['knit data push poe\t', ['knit', 'data', 'push', 'poem.txt']],
  ['knit data find -t "note:a\t', ['knit', 'data', 'find', '-t', 'note:a b']],
  ['knit data find -t note:a\\ \t', ['knit', 'data', 'find', '-t', 'note:a b']],
  [
    "knit data find -t 'note:a b' -t type:ph\t",
    ['knit', 'data', 'find', '-t', 'note:a b', '-t', 'type:photo'],
  ],
  ['knit data cat d1 im\to\t', ['knit', 'data', 'cat', 'd1', 'images/of me.png']],
]

test.for(Object.keys(shells) as Shell[])(
  'who presses tab in %s gets what knit offers',
  async (shell, { skip }) => {
    for (const program of [shell, 'script'])
      if (spawnSync(program, ['--version']).error) skip(`needs ${program}`)
    const file = {
      path: 'images/of me.png',
      type: 'file',
      size: 0,
      mode: '644',
      mtime: run.updatedAt,
    }
    await using stub = await stubOfTheWire(({ url }) => ({
      json: url.includes('/files?') ? { files: [file] } : things[/(\w+)\?/.exec(url)?.[1] ?? ''],
    }))
    const home = projectFor(stub)
    writeFileSync(join(home, 'poem.txt'), '')
    await using terminal = await openTerminal(shell, home)
    for (const [keys, words] of typed)
      expect([keys, await terminal.after(keys)]).toEqual([keys, words])
  },
)

/** A shell at a terminal, in its home. */
async function openTerminal(shell: Shell, home: string) {
  const { file, lines, words } = shells[shell]
  mkdirSync(dirname(join(home, file)), { recursive: true })
  writeFileSync(join(home, file), lines)
  const [bin, witness] = [tempDir(), join(home, 'words')]
  await bundle(bin)
  const run = `exec "${process.execPath}" "${join(bin, 'cli.cjs')}" "$@"`
  const tell = 'printf "%s\\n" "$@" > "$WITNESS.new"; mv "$WITNESS.new" "$WITNESS"'
  for (const [name, line] of Object.entries({ knit: run, told: tell })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const env = {
    PATH: [bin, process.env['PATH']].join(delimiter),
    HOME: home,
    TERM: 'xterm',
    KNIT_PROFILE_STORE: join(home, 'store'),
    WITNESS: witness,
  }
  const child = spawn('script', ['-qec', words(home).join(' '), '/dev/null'], { cwd: home, env })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const closed = once(child, 'close')
  await until(() => output.includes('ready> ') || child.exitCode !== null)
  return {
    /** The words of the line when these keys were pressed: put behind the name of a program that writes them down. */
    async after(keys: string): Promise<string[]> {
      const before = output.length
      child.stdin.write(`${keys}\u0001told \n`)
      await until(() => existsSync(witness) || child.exitCode !== null)
      const words = readFileSync(witness, 'utf8').split('\n').slice(0, -1)
      rmSync(witness)
      await until(() => output.indexOf('ready> ', before) >= 0)
      return words
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end('exit\n')
      await closed
    },
  }
}
