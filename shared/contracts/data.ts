import * as z from 'zod'
import { archiveTypes } from '#shared/domain/archive-type.ts'
import { DataDetail, TagChange } from '#shared/domain/data.ts'
import { FileList } from '#shared/domain/file-list.ts'
import { FilePath } from '#shared/domain/file-path.ts'
import { KnitId } from '#shared/domain/ids.ts'
import { TagText } from '#shared/domain/tag.ts'
import { DurationParam, TimeParam } from '#shared/domain/time.ts'
import { pageAnswers, pageQuery } from './page.ts'
import { digestHeader, resource, route, uploadHeaders } from './route.ts'

const params = z.object({ knitId: KnitId.describe('Id of the data.') })

const ofUpload = {
  [uploadHeaders.offset]: 'How many bytes of the archive have come.',
  [uploadHeaders.complete]: '`?0`: there are more to come.',
  [uploadHeaders.md5]: 'The MD5 of those that have come.',
  'Cache-Control': '`no-store`: it is another the next time.',
}

const ofArchive = {
  Vary: '`accept`: that decides how the archive is compressed.',
  Trailer: '`x-checksum-md5`, the MD5 of the whole archive, follows its last byte.',
}

/** Of what can be gone on with, as it does not change any more. */
const ofStored = {
  ETag: 'Names the very bytes of the archive.',
  'Accept-Ranges': '`bytes`: the rest of it can be asked for.',
  [digestHeader]: 'The digest of the tree that was stored, which the unpacked one has as well.',
}

/** Of a file: no browser is to show it as a page of ours. */
const ofFile = {
  'Content-Disposition': '`attachment`, and the name of the file as RFC 8187 has it.',
  'Content-Security-Policy': 'That nothing in it is to be run.',
  'X-Content-Type-Options': '`nosniff`: it is nothing but bytes.',
}

/** Of one that does not change any more. */
const ofStoredFile = {
  ETag: 'Names the very bytes of the file.',
  'Accept-Ranges': '`bytes`: parts of it can be asked for.',
}

/** How many files a list has at the most. */
export const mostFiles = 10_000

/** The window of time of a search. */
export const windowQuery = {
  since: TimeParam.optional().describe('Only what ended, or last changed, at or after this time.'),
  duration: DurationParam.optional().describe('… and before `since` plus this; needs `since`.'),
}

export const data = resource('data', {
  find: route(() => ({
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
    answers: pageAnswers,
    problems: ['bad-request'],
  })),
  push: route(() => ({
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
    answers: {
      204: { when: 'The part has come, and there is more to follow.', headers: ofUpload },
      409: { maybe: ofUpload },
    },
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
      'volume-unreachable',
      'upload-lost',
      'storage-full',
    ],
  })),
  pull: route(() => ({
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
    answers: {
      200: { headers: ofArchive, maybe: ofStored },
      206: {
        when: 'The rest of the archive.',
        headers: {
          ...ofArchive,
          ...ofStored,
          'Content-Range':
            'Which bytes: the last is not known before, so it is named by a number that is greater than any.',
        },
      },
    },
    problems: ['data-not-found', 'data-changed', 'volume-unreachable', 'storage-full'],
  })),
  show: route(() => ({
    method: 'get',
    path: '/api/data/:knitId/metadata',
    summary: 'Show one data: its tags, what made it, what reads it, and the room it takes.',
    role: 'viewer',
    params,
    response: DataDetail,
    problems: ['data-not-found'],
  })),
  ls: route(() => ({
    method: 'get',
    path: '/api/data/:knitId/files',
    summary: 'List the files of data.',
    role: 'viewer',
    params,
    query: z.object({
      path: FilePath.default('').describe(
        'Only this directory with all that is below it, or only this file; all of the data unless given.',
      ),
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(mostFiles)
        .default(1000)
        .describe('How many at the most.'),
      after: FilePath.optional().describe('`after` of the answer before, to go on behind it.'),
    }),
    response: FileList,
    problems: [
      'bad-request',
      'data-not-found',
      'file-not-found',
      'volume-unreachable',
      'storage-full',
    ],
  })),
  cat: route(() => ({
    method: 'get',
    path: '/api/data/:knitId/file',
    summary: 'Read one file of data.',
    role: 'viewer',
    params,
    query: z.object({
      path: FilePath.refine((path) => path !== '', 'it should name a file').describe(
        'The file; links are followed as long as they stay in the data.',
      ),
    }),
    headers: {
      Range:
        '`bytes=N-M`, `bytes=N-` or `bytes=-N`: so much of a file (206) that has an `ETag`; other ranges are passed over.',
      'If-Range': 'The `ETag` of the file that is gone on with; all of it comes if it is another.',
    },
    response: 'application/octet-stream',
    answers: {
      200: { headers: ofFile, maybe: ofStoredFile },
      206: {
        when: 'A part of the file.',
        headers: {
          ...ofFile,
          ...ofStoredFile,
          'Content-Range': 'Which bytes, and of how many.',
        },
      },
      416: { headers: { 'Content-Range': 'Of how many bytes there are none of those.' } },
    },
    problems: [
      'bad-request',
      'not-a-file',
      'data-not-found',
      'file-not-found',
      'range-not-satisfiable',
      'volume-unreachable',
      'storage-full',
    ],
  })),
  tag: route(() => ({
    method: 'put',
    path: '/api/data/:knitId',
    summary: 'Change the tags of data.',
    role: 'user',
    params,
    body: TagChange,
    anyType: true,
    response: DataDetail,
    problems: ['bad-request', 'bad-tag-change', 'too-large', 'data-not-found'],
    reasons: { 'bad-request': 'format error', 'data-not-found': 'correspontind data is missing' },
  })),
})
