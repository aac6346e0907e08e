import { group } from '../../command.ts'

export default group('Look after the system.', {
  hooks: () => import('./hooks.ts'),
})
