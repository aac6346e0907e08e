import { group } from '../../command.ts'

export default group('List, choose and forget the systems this machine knows.', {
  list: () => import('./list.ts'),
  use: () => import('./use.ts'),
  rm: () => import('./rm.ts'),
})
