import { group } from '../../command.ts'

export default group('Find runs, read their logs and wait for them.', {
  find: () => import('./find.ts'),
  show: () => import('./show.ts'),
  wait: () => import('./wait.ts'),
})
