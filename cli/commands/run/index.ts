import { group } from '../../command.ts'

export default group('Find runs, read their logs, wait for them; stop, retry and delete them.', {
  find: () => import('./find.ts'),
  show: () => import('./show.ts'),
  wait: () => import('./wait.ts'),
  stop: () => import('./stop.ts'),
  retry: () => import('./retry.ts'),
  rm: () => import('./rm.ts'),
})
