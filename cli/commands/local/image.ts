import { group } from '../../command.ts'

export default group('Images for a machine without a container engine.', {
  add: () => import('./image-add.ts'),
  list: () => import('./image-list.ts'),
  rm: () => import('./image-rm.ts'),
})
