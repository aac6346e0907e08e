import { group } from './command.ts'

export const root = group('Data and plans in, models and their lineage out.', {
  init: () => import('./commands/init.ts'),
  login: () => import('./commands/login.ts'),
  logout: () => import('./commands/logout.ts'),
  data: () => import('./commands/data/index.ts'),
  plan: () => import('./commands/plan/index.ts'),
  run: () => import('./commands/run/index.ts'),
  explain: () => import('./commands/explain.ts'),
  admin: () => import('./commands/admin/index.ts'),
  profile: () => import('./commands/profile/index.ts'),
  whoami: () => import('./commands/whoami.ts'),
  local: () => import('./commands/local/index.ts'),
  completion: () => import('./commands/completion.ts'),
  __complete: () => import('./commands/complete.ts'),
  license: () => import('./commands/license.ts'),
  version: () => import('./commands/version.ts'),
})
