import { group } from '../../command.ts'

export default group('Run the whole system on this machine.', {
  start: () => import('./start.ts'),
  status: () => import('./status.ts'),
  stop: () => import('./stop.ts'),
  reset: () => import('./reset.ts'),
  image: () => import('./image.ts'),
})
