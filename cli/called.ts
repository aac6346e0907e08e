import type { World } from './context.ts'

/** Advice as it can be pasted: from a checkout, where there is no `knit` but by npx, its commands are called as this one was. */
export const asCalled = (advice: string, { env }: Pick<World, 'env'>): string =>
  env['npm_lifecycle_event'] === 'npx'
    ? advice.replace(/(?<=^|\s)(?<!npx )knit (?=[a-z])/g, 'npx knit ')
    : advice
