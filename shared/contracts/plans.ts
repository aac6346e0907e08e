import * as z from 'zod'
import { AnnotationChange } from '#shared/domain/annotation.ts'
import { PlanId } from '#shared/domain/ids.ts'
import {
  PlanDetail,
  PlanSpec,
  PlanUsage,
  ResourceLimitChange,
  SetServiceAccount,
} from '#shared/domain/plan.ts'
import { SoughtTagText } from '#shared/domain/tag.ts'
import { pageAnswers, pageQuery } from './page.ts'
import { resource, route } from './route.ts'

const params = z.object({ planId: PlanId.describe('Id of the plan.') })

export const plans = resource('plans', {
  find: route(() => ({
    method: 'get',
    path: '/api/plans',
    summary: 'Find plans.',
    role: 'viewer',
    query: z.object({
      active: z
        .enum(['true', 'false'])
        .transform((text) => text === 'true')
        .optional()
        .describe('Only active, or only inactive ones.'),
      image: z
        .string()
        .optional()
        .describe('Image, as REPOSITORY[:TAG]; without a tag any tag fits.'),
      in_tag: z
        .array(SoughtTagText)
        .default([])
        .describe('A tag; one input must ask for all of them.'),
      out_tag: z
        .array(SoughtTagText)
        .default([])
        .describe('A tag; one output, or the log, must put all of them.'),
      dryRun: z
        .string()
        .optional()
        .describe(
          'Present, and not `false`: each plan tells what it would start now, and why not more.',
        ),
      ...pageQuery(PlanId),
    }),
    response: z.array(PlanDetail),
    answers: pageAnswers,
    problems: ['bad-request'],
  })),
  apply: route(() => ({
    method: 'post',
    path: '/api/plans',
    summary: 'Register a plan.',
    role: 'user',
    query: z.object({
      dryRun: z
        .string()
        .optional()
        .describe(
          'Present, and not `false`: nothing is registered; the answer is the plan as it would be, with what it would start now. Its id is of no plan.',
        ),
    }),
    body: PlanSpec,
    response: PlanDetail,
    problems: ['bad-request', 'too-large', 'plan-equivalent', 'plan-cycle'],
  })),
  show: route(() => ({
    method: 'get',
    path: '/api/plans/:planId',
    summary: 'Show one plan.',
    role: 'viewer',
    params,
    response: PlanDetail,
    problems: ['plan-not-found'],
  })),
  usage: route(() => ({
    method: 'get',
    path: '/api/plans/:planId/usage',
    summary: 'Show how much room it takes what runs of a plan have written.',
    role: 'viewer',
    params,
    response: PlanUsage,
    problems: ['plan-not-found'],
  })),
  activate: route(() => ({
    method: 'put',
    path: '/api/plans/:planId/active',
    summary: 'Activate a plan: its held runs go on.',
    role: 'user',
    params,
    query: z.object({
      allow: z.coerce
        .number()
        .int()
        .positive()
        .max(Number.MAX_SAFE_INTEGER)
        .optional()
        .describe('How many runs a paused plan may create of what fits it now.'),
    }),
    response: PlanDetail,
    problems: ['bad-request', 'plan-not-found'],
  })),
  deactivate: route(() => ({
    method: 'delete',
    path: '/api/plans/:planId/active',
    summary: 'Deactivate a plan: its waiting runs are held.',
    role: 'user',
    params,
    response: PlanDetail,
    problems: ['plan-not-found'],
  })),
  resource: route(() => ({
    method: 'put',
    path: '/api/plans/:planId/resources',
    summary: 'Change what each run of a plan may use, from the next one that begins on.',
    role: 'user',
    params,
    body: ResourceLimitChange,
    response: PlanDetail,
    problems: ['bad-request', 'too-large', 'plan-not-found'],
  })),
  annotate: route(() => ({
    method: 'put',
    path: '/api/plans/:planId/annotations',
    summary: 'Change the annotations of a plan.',
    role: 'user',
    params,
    body: AnnotationChange,
    response: PlanDetail,
    problems: ['bad-request', 'too-large', 'plan-not-found'],
  })),
  setaccount: route(() => ({
    method: 'put',
    path: '/api/plans/:planId/serviceaccount',
    summary: 'Say which service account runs of a plan have, from the next one that begins on.',
    role: 'user',
    params,
    body: SetServiceAccount,
    response: PlanDetail,
    problems: ['bad-request', 'too-large', 'plan-not-found'],
  })),
  unsetaccount: route(() => ({
    method: 'delete',
    path: '/api/plans/:planId/serviceaccount',
    summary: 'Give runs of a plan the usual service account again.',
    role: 'user',
    params,
    response: PlanDetail,
    problems: ['plan-not-found'],
  })),
})
