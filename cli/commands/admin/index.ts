import { group } from '../../command.ts'

export default group('Look after the system.', {
  events: () => import('./events.ts'),
  hooks: () => import('./hooks.ts'),
})
