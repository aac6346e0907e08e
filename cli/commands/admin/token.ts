import { group } from '../../command.ts'

export default group('Make, list and revoke tokens to sign in with.', {
  create: () => import('./token-create.ts'),
  list: () => import('./token-list.ts'),
  revoke: () => import('./token-revoke.ts'),
})
