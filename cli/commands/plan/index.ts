import { group } from '../../command.ts'

export default group('Write, register and look at plans.', {
  template: () => import('./template.ts'),
  apply: () => import('./apply.ts'),
  find: () => import('./find.ts'),
  show: () => import('./show.ts'),
  usage: () => import('./usage.ts'),
  active: () => import('./active.ts'),
  resource: () => import('./resource.ts'),
  annotate: () => import('./annotate.ts'),
  serviceaccount: () => import('./serviceaccount.ts'),
  graph: () => import('./graph.ts'),
})
