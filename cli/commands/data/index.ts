import { group } from '../../command.ts'

export default group(
  'Push, find, tag and pull data, look into them, and see where they come from.',
  {
    find: () => import('./find.ts'),
    show: () => import('./show.ts'),
    push: () => import('./push.ts'),
    pull: () => import('./pull.ts'),
    ls: () => import('./ls.ts'),
    cat: () => import('./cat.ts'),
    tag: () => import('./tag.ts'),
    lineage: () => import('./lineage.ts'),
  },
)
