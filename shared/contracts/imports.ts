import { DataDetail } from '#shared/domain/data.ts'
import { resource, route } from './route.ts'

/** Data whose volume somebody else makes. */
export const imports = resource('imports', {
  begin: route(() => ({
    method: 'post',
    path: '/api/backend/data/import/begin',
    summary:
      'Begin an import: the answer is a token that names the volume to make (`sub`), and to end the import with within 30 minutes.',
    role: 'user',
    response: 'application/jwt',
    problems: [],
  })),
  end: route(() => ({
    method: 'post',
    path: '/api/backend/data/import/end',
    summary: 'End an import, whose volume is there now, by its token: it becomes data.',
    role: 'user',
    body: 'application/jwt',
    response: DataDetail,
    problems: [
      'bad-request',
      'bad-import-token',
      'too-large',
      'volume-missing',
      'import-missing',
      'import-over',
    ],
  })),
})
