import { admin } from '#shared/contracts/admin.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { tokens } from '#shared/contracts/tokens.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import { api } from './api.ts'
import { nameOf } from './columns.ts'
import type { Candidate, GivenWords, LookUp } from './completion.ts'
import type { Context } from './context.ts'
import { extensions } from './extensions.ts'
import { newest, ofData, ofPlans, ofRuns } from './found.ts'
import { localImages } from './local-images.ts'
import { namesInData } from './names-in-data.ts'
import { readStore, storeFile } from './profile.ts'

// Who waits for a completion does not wait long, and does not read many lines: no more than these are asked for.
const patience = 3000
const most = 200

type Asked = {
  given: GivenWords
  /** What is typed of the word that is looked for. */
  typed: string
}
type Source = (ctx: Context, asked: Asked) => Promise<Candidate[]> | Candidate[]

/** Where the words of each kind come from: from the server, newest first, or from this machine. */
const sources: Record<string, Source> = {
  async KNIT_ID(ctx) {
    return (await newestData(ctx)).map(({ knitId, tags }) => ({
      word: knitId,
      about: tags.filter((tag) => !tag.startsWith('knit#id:')).join(' '),
    }))
  },
  async RUN_ID(ctx) {
    const ask = (page: object) => api(ctx).call(runs.find, page, ctx)
    const found = await Array.fromAsync(newest({ ...ofRuns, ask }, most))
    return found.map(({ runId, status, plan }) => ({
      word: runId,
      about: `${status} ${nameOf(plan)}`,
    }))
  },
  async PLAN_ID(ctx) {
    const found = await newestPlans(ctx)
    return found.map((plan) => ({ word: plan.planId, about: nameOf(plan) }))
  },
  async 'IMAGE[:TAG]'(ctx) {
    const found = await newestPlans(ctx)
    return wordsOf(found.flatMap(({ image }) => image ?? []))
  },
  'KEY:VALUE': async (ctx) => wordsOf(await tagsOf(ctx)),
  KEY: async (ctx) => wordsOf((await tagsOf(ctx)).map((tag) => tag.split(':', 1)[0] ?? '')),
  STATUS: () => wordsOf(runStatuses.filter((status) => status !== 'invalidated')),
  async EVENT_ID(ctx) {
    const found = await api(ctx).call(admin.events, { dead: 'true', limit: most }, ctx)
    return found.map(({ eventId, name, dead }) => ({
      word: eventId,
      about: [name, dead?.cause].filter(Boolean).join(': '),
    }))
  },
  async TOKEN_NAME(ctx) {
    const found = await api(ctx).call(tokens.list, { limit: most }, ctx)
    return found
      .filter(({ state }) => state === 'valid')
      .map(({ name, role }) => ({ word: name, about: role }))
  },
  PROFILE: profileNames,
  PROFILE_NAME: profileNames,
  async IMAGE_NAME(ctx, { given: { home } }) {
    const found = await localImages(home, ctx)
    return found.map(({ name, source }) => ({ word: name, about: source }))
  },
  async PATH(ctx, { given: { knitId = '' }, typed }) {
    return wordsOf(await namesInData(api(ctx), { knitId, typed, most }, ctx))
  },
  EXTENSION: (ctx) => extensions(ctx).map(({ name, path }) => ({ word: name, about: path })),
}

function profileNames(ctx: Context): Candidate[] {
  return wordsOf(Object.keys(readStore(storeFile(ctx))))
}

function newestData(ctx: Context): Promise<DataDetail[]> {
  const ask = (page: object) => api(ctx).call(data.find, page, ctx)
  return Array.fromAsync(newest({ ...ofData, ask }, most))
}

function newestPlans(ctx: Context): Promise<PlanDetail[]> {
  const ask = (page: object) => api(ctx).call(plans.find, page, ctx)
  return Array.fromAsync(newest({ ...ofPlans, ask }, most))
}

/** The tags of data, and those that plans ask for. */
async function tagsOf(ctx: Context): Promise<string[]> {
  const [things, asking] = await Promise.all([newestData(ctx), newestPlans(ctx)])
  const asked = asking.flatMap(({ inputs }) => inputs)
  const tags = [...things, ...asked].flatMap((thing) => thing.tags)
  return tags.filter((tag) => !tag.startsWith('knit#')).sort()
}

const wordsOf = (words: readonly string[]): Candidate[] =>
  [...new Set(words)].map((word) => ({ word }))

/** Looks words up for a completion: what cannot be had in time is nothing. */
export const lookUp =
  (ctx: Context, typed: string): LookUp =>
  async (kind, given) => {
    const source = Object.hasOwn(sources, kind) ? sources[kind] : undefined
    if (!source) return []
    const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(patience)])
    const value = typed.replace(/^--[^=]+=/, '')
    try {
      const found = await source({ ...ctx, signal }, { given, typed: value })
      return found.filter(({ word }) => word.startsWith(value)).slice(0, most)
    } catch {
      return []
    }
  }
