import * as z from 'zod'
import { archiveTypes } from '#shared/domain/archive-type.ts'
import { DataDetail, TagChange } from '#shared/domain/data.ts'
import { KnitId } from '#shared/domain/ids.ts'
import { TagText } from '#shared/domain/tag.ts'
import { DurationParam, TimeParam } from '#shared/domain/time.ts'
import { pageQuery } from './page.ts'
import { resource, route, uploadHeaders } from './route.ts'

const params = z.object({ knitId: KnitId.describe('Id of the data.') })

/** The window of time of a search. */
export const windowQuery = {
  since: TimeParam.optional().describe('Only what ended, or last changed, at or after this time.'),
  duration: DurationParam.optional().describe('… and before `since` plus this; needs `since`.'),
}

export const data = resource('data', {
  find: route({
    method: 'get',
    path: '/api/data',
    summary: 'Find data by tags and time.',
    role: 'viewer',
    query: z.object({
      tag: z.array(TagText).default([]).describe('A tag the data must carry; repeat it for more.'),
      ...windowQuery,
      ...pageQuery(KnitId),
    }),
    response: z.array(DataDetail),
    problems: ['bad-request'],
  }),
  push: route({
    method: 'post',
    path: '/api/data',
    summary: 'Upload a directory as data, with tags.',
    role: 'user',
    query: z.object({
      tag: z.array(TagText).default([]).describe('A tag to put on the data; repeat it for more.'),
    }),
    headers: {
      [uploadHeaders.offset]:
        'The body goes on behind so many bytes of the upload with the same key. `0`, with an empty body and `Upload-Complete: ?0`, asks how many have come: the headers of the answer tell, which is 204, or 409 when it is another number.',
      [uploadHeaders.complete]:
        '`?0` when the body is a part of the archive, and more is to follow.',
    },
    body: archiveTypes.gzip,
    alsoBody: archiveTypes.zstd,
    parts: true,
    response: DataDetail,
    problems: [
      'bad-request',
      'bad-archive',
      'checksum-mismatch',
      'upload-broken',
      'upload-not-found',
      'upload-offset',
      'upload-stalled',
      'upload-ended',
      'too-large',
      'storage-full',
      'volume-unreachable',
    ],
  }),
  pull: route({
    method: 'get',
    path: '/api/data/:knitId',
    summary: 'Download data as an archive.',
    role: 'viewer',
    params,
    headers: {
      Range:
        '`bytes=N-` leaves out the first N bytes of an archive (206) that has an `ETag`; other ranges are passed over. The checksum behind it is that of the whole.',
      'If-Range':
        'The `ETag` of the archive that is gone on with; all of it comes if it is another.',
    },
    response: archiveTypes.gzip,
    also: archiveTypes.zstd,
    problems: ['data-not-found', 'not-yet', 'volume-unreachable'],
  }),
  show: route({
    method: 'get',
    path: '/api/data/:knitId/metadata',
    summary: 'Show one data: its tags, what made it, what reads it, and the room it takes.',
    role: 'viewer',
    params,
    response: DataDetail,
    problems: ['data-not-found'],
  }),
  tag: route({
    method: 'put',
    path: '/api/data/:knitId',
    summary: 'Change the tags of data.',
    role: 'user',
    params,
    body: TagChange,
    anyType: true,
    response: DataDetail,
    problems: ['bad-request', 'bad-tag-change', 'too-large', 'data-not-found'],
  }),
})
