import { group, type Command } from './command.ts'

const commands = group('Data and plans in, models and their lineage out.', {
  init: [
    'Make this directory a project of the system that a profile file describes.',
    () => import('./commands/init.ts'),
  ],
  login: [
    'Sign in to the system of this directory, at its provider, or with a token that you have.',
    () => import('./commands/login.ts'),
  ],
  logout: [
    'Forget how you sign in to the system of this directory, and tell its provider so.',
    () => import('./commands/logout.ts'),
  ],
  data: () => import('./commands/data/index.ts'),
  plan: () => import('./commands/plan/index.ts'),
  run: () => import('./commands/run/index.ts'),
  explain: [
    'Explain why data, or what a run has written, started a run of a plan, or why not.',
    () => import('./commands/explain.ts'),
  ],
  admin: () => import('./commands/admin/index.ts'),
  profile: () => import('./commands/profile/index.ts'),
  whoami: [
    'Show who you are to the system of this directory, and what you may do there.',
    () => import('./commands/whoami.ts'),
  ],
  local: () => import('./commands/local/index.ts'),
  completion: [
    'Print what teaches a shell to complete commands, flags, ids and tags.',
    () => import('./commands/completion.ts'),
  ],
  __complete: [
    'For the scripts of `knit completion`: what could stand in place of the last word.',
    () => import('./commands/complete.ts'),
  ],
  license: [
    'Print the licence of this program, and those of what it is made of.',
    () => import('./commands/license.ts'),
  ],
  version: ['Print the version of this program.', () => import('./commands/version.ts')],
})

export const root: Command = {
  ...commands,
  examples: [
    'knit local start --detach',
    'knit init ~/.local/state/knit/knitprofile',
    'knit data push DIRECTORY --tag KEY:VALUE',
  ],
  footer: 'knit help <command> shows the same, and knit --version the version.',
}
