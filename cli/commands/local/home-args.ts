import { localStart } from '#shared/domain/local-start.ts'
import { flag } from '../../args.ts'

export const homeArgs = {
  home: flag(localStart.home, { hint: 'DIR' }),
}
