import * as z from 'zod'
import { leastDaysOfAudit } from '#shared/domain/audit.ts'
import { readExtraApi } from '#shared/domain/extra-api.ts'
import { faultOfUrl, withoutUser } from '#shared/domain/outside-url.ts'
import { plainWords } from '#shared/domain/plain-words.ts'
import { SecureUrl } from '#shared/domain/secure-url.ts'
import { longestTimer } from '#shared/domain/time.ts'

const count = (fallback: number) => z.coerce.number().int().positive().default(fallback)
const seconds = (fallback: number) =>
  z.coerce.number().positive().max(longestTimer).default(fallback)
const days = (fallback: number) => z.coerce.number().positive().default(fallback)
/** URLs with spaces between them. */
const urls = () =>
  z
    .string()
    .default('')
    .transform((text) => text.split(/\s+/).filter(Boolean))
    .pipe(
      z.array(
        z.string().superRefine((url, ctx) => {
          const fault = faultOfUrl(url)
          if (fault) ctx.addIssue(`"${withoutUser(url)}" ${fault}`)
        }),
      ),
    )

/** Words with spaces between them. */
const words = (fallback = '') =>
  z
    .string()
    .default(fallback)
    .transform((text) => text.split(/\s+/).filter(Boolean))
    .pipe(z.array(z.string()))

/** Addresses, and networks such as `10.0.0.0/8`, with spaces between them. */
const networks = () =>
  words().pipe(
    z.array(
      z.union(
        [z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()],
        'expected an address, or a network such as 10.0.0.0/8',
      ),
    ),
  )

/** `PATH=URL`, with spaces between them. */
const extraApis = () =>
  words().pipe(
    z.array(
      z.string().superRefine((text, ctx) => {
        try {
          readExtraApi(text)
        } catch (error) {
          ctx.addIssue({ code: 'custom', message: (error as Error).message })
        }
      }),
    ),
  )

function parsed(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text)
  } catch {
    context.addIssue('expected JSON')
    return z.NEVER
  }
}

const anything = z.record(z.string(), z.unknown())
const AgentPod = z
  .strictObject({
    nodeSelector: z.record(z.string(), z.string()),
    tolerations: z.array(anything),
    affinity: anything,
    topologySpreadConstraints: z.array(
      z.looseObject({
        maxSkew: z.int(),
        topologyKey: z.string(),
        whenUnsatisfiable: z.string(),
      }),
    ),
    priorityClassName: z.string(),
    resources: anything,
  })
  .partial()

/** The host that stands for every address there is. */
export const everywhere = '::'

/** Every setting, with its default. The variable of `maxTags` is `KNIT_MAX_TAGS`. */
export const Config = z.object({
  release: z
    .string()
    .regex(
      /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      'expected a name of small letters, digits and dashes',
    )
    .default('knitfab')
    .describe('Name of this installation; part of the source of every event.'),
  databaseUrl: z
    .string()
    .min(1)
    .describe('Where PostgreSQL is: postgres://USER:PASSWORD@HOST/DATABASE.'),
  databaseConnections: count(10).describe('Connections a function opens at most.'),
  statementTimeout: seconds(30).describe(
    'Seconds a statement of a request that only reads may take, and any other one may wait for what others hold.',
  ),
  signingKey: z
    .string()
    .min(32)
    .describe('Secret that signs identities and events between functions; at least 32 characters.'),
  token: z
    .string()
    .min(16)
    .optional()
    .describe(
      'Bearer token the gateway asks for. Without it only this machine is answered, and `KNIT_HOST` has to be of it: 127.0.0.1.',
    ),
  oidcIssuer: SecureUrl.optional().describe(
    'Provider of OpenID Connect whose tokens sign in besides our own, as it names itself: `https://login.example.org`. Its clock may differ by a minute.',
  ),
  oidcClientId: z
    .string()
    .default('knit')
    .describe(
      'What `knit login` is called at that provider: a public client with the device flow.',
    ),
  oidcAudience: z
    .string()
    .optional()
    .describe(
      'Whom its tokens have to be for; the client, unless given. Then `knit login` asks for an access token for it and sends that, not the ID token.',
    ),
  oidcScopes: words('openid profile email offline_access').describe(
    'What `knit login` asks the provider for, separated by spaces.',
  ),
  oidcNameClaim: z
    .string()
    .min(1)
    .default('sub')
    .describe('Claim that says who somebody is; nobody else may ever have the same, or choose it.'),
  oidcRoleClaim: z
    .string()
    .min(1)
    .default('roles')
    .describe(
      'Claim with what gives a role, one inside of another with dots: `realm_access.roles`.',
    ),
  oidcViewers: words().describe('Values of that claim for viewers, separated by spaces.'),
  oidcUsers: words().describe(
    'Values of that claim for users. Who has no value of any role is refused.',
  ),
  oidcAdmins: words().describe('Values of that claim for admins.'),
  trustedProxies: networks().describe(
    'Proxies before the gateway, as addresses or networks such as `10.0.0.0/8`, separated by spaces: what they say in `X-Forwarded-For` is believed.',
  ),
  maxRequestRate: count(1000).describe(
    'Requests a second of one caller that a gateway passes on; ten times as many at once.',
  ),
  maxFailedSignIns: count(60).describe(
    'Failures to sign in from one address within a minute, beyond which it has to wait, but for who has signed in before.',
  ),
  maxOpenRequests: count(300).describe(
    'Requests from one address within a minute for what everybody may read: `/api/docs`, `/api/openapi.json`, `/api/auth`.',
  ),
  headersTimeout: seconds(15).describe('Seconds the head of a request may take to arrive.'),
  minBodyRate: count(100).describe(
    'Bytes a second that the body of a request has to bring, and who reads an answer has to take, over two `KNIT_UPLOAD_LEASE`; who is slower is cut off.',
  ),
  maxConnections: count(4096).describe('Connections a gateway has at the most.'),
  maxConnectionsPerAddress: count(1024).describe(
    'Connections a gateway has with one address at the most; `KNIT_TRUSTED_PROXIES` have no limit of their own.',
  ),
  extraApis: extraApis().describe(
    'APIs of others that the gateway passes requests on to, as `/PATH=http://HOST/BASE`, separated by spaces.',
  ),
  extraApiTimeout: seconds(30).describe(
    'Seconds an extra API may take to begin its answer, and be silent while it is given.',
  ),
  extraApiDeadline: seconds(600).describe(
    'Seconds a call of an extra API may take in all, its answer included.',
  ),
  maxExtraApiBytes: count(1024 ** 3).describe(
    'Bytes that a request to an extra API, or its answer, may have.',
  ),
  functionUrl: z
    .string()
    .default('http://{function}')
    .describe(
      'Where a function is found; `{function}` stands for its name, such as `api-runs-show`.',
    ),
  brokerUrl: z.url().optional().describe('Where events are published, as CloudEvents over HTTP.'),
  host: z
    .string()
    .default(everywhere)
    .describe('Address to listen on; every one, of IPv4 and IPv6, unless given.'),
  port: z.coerce.number().int().min(0).max(65_535).default(8080).describe('Port to listen on.'),
  metricsPort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe(
      'Port at which `/metrics` is told to everybody who reaches it, and nothing else; without one they are told to nobody.',
    ),
  tlsFolder: z
    .string()
    .optional()
    .describe(
      'Folder with `tls.crt` and `tls.key`: the gateway then speaks https, and takes a renewed certificate within a minute.',
    ),
  namespace: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Namespace of Kubernetes that Data and Runs are in; without one there is no Kubernetes.',
    ),
  image: z
    .string()
    .default('')
    .describe('Our own image, for what stands beside programs of users and for what moves bytes.'),
  volumeLayout: z
    .enum(['per-data', 'shared'])
    .default('per-data')
    .describe('`per-data`: a claim for each Data; `shared`: a directory each, of one claim.'),
  volumeClass: z
    .string()
    .default('')
    .describe("Storage class of claims; the cluster's own default unless given."),
  volumeMode: z
    .enum(['ReadWriteMany', 'ReadWriteOnce'])
    .default('ReadWriteMany')
    .describe('Access mode of claims; `ReadWriteOnce` does for a cluster of one node.'),
  volumeSize: z.string().default('10Gi').describe('Capacity a claim asks for.'),
  workerPriorityClass: z
    .string()
    .default('')
    .describe("Priority class of programs; the cluster's own default unless given."),
  workerServiceAccounts: words().describe(
    'Service accounts a plan may name, separated by spaces; each needs the right to get `pods/log`, which the chart gives it, for its log to be kept.',
  ),
  workerPullSecrets: words().describe('Secrets for the registries of images, separated by spaces.'),
  workerProfile: z
    .enum(['baseline', 'restricted'])
    .default('baseline')
    .describe(
      '`baseline`: programs are who their images say; `restricted`: anybody but root, as namespaces may ask for.',
    ),
  agentPod: z
    .string()
    .default('{}')
    .transform(parsed)
    .pipe(AgentPod)
    .describe('Where agents run and what they may take, as JSON with the words of Kubernetes.'),
  // Kubernetes counts them whole.
  workerGrace: count(30).describe(
    'Seconds a program may take to end by itself when it is stopped; in a local home 2, unless set.',
  ),
  podGrace: count(600).describe(
    'Seconds a program may take to end when its node is emptied or its place is needed, and, once it has ended, to measure what it wrote; in a cluster.',
  ),
  logFormat: z
    .enum(['json', 'text'])
    .default('json')
    .describe('`json` for machines, `text` for people.'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('The least level that is written.'),
  grace: seconds(10).describe('Seconds that work in progress may still take after SIGTERM.'),
  claimLease: seconds(30).describe(
    'Seconds a step holds a run before another may serve it; renewed while it works.',
  ),
  lookInterval: seconds(30).describe(
    'Seconds after which a worker is looked at again without an event.',
  ),
  sweepInterval: seconds(5).describe(
    'Seconds between two looks of the local home for work that no event woke.',
  ),
  watchInterval: seconds(1).describe('Seconds between two looks for what to tell those who watch.'),
  uploadLease: seconds(60).describe(
    'Seconds without a sign of life after which an upload, or a download, is given up.',
  ),
  // Of many more, schedulers and what keeps the state of a cluster get slow before the nodes are full.
  liveRuns: z.coerce
    .number()
    .int()
    .min(0)
    .default(1000)
    .describe(
      'Runs that may be live at a time, from when their volumes are made until they have ended; a plan alone has three quarters of them. 0 for any number.',
    ),
  pendingPatience: seconds(900).describe(
    'Seconds the program of a run may take to begin (room, images) before the attempt counts as lost.',
  ),
  deletionPatience: seconds(300).describe(
    'Seconds a volume may take to go, and a worker beyond its grace. Then a worker is given up by force, and a volume is tried again later.',
  ),
  maxAttempts: count(3).describe(
    'Attempts of a run, since it was made or a user retried it, when machines fail.',
  ),
  maxStepFailures: count(8).describe(
    'Failures of one step for one run after which the run is ended.',
  ),
  hooksBefore: urls().describe(
    'URLs called before a run moves, separated by spaces: each has to agree (2xx).',
  ),
  hooksAfter: urls().describe('URLs called after a run has moved, separated by spaces.'),
  hookTimeout: seconds(10).describe('Seconds a call of a hook may take, its answer included.'),
  maxHookBytes: count(64 * 1024).describe('Bytes the answer of a hook may have.'),
  maxHookFailures: count(12).describe(
    'Failures after which a call of an after-hook is given up; each waits twice as long as the one before.',
  ),
  hookPolicy: z
    .enum(['wait', 'go-on'])
    .default('wait')
    .describe(
      'What a run does whose before-hook failed `KNIT_MAX_STEP_FAILURES` times: wait until it agrees, or go on without.',
    ),
  keepEvents: days(7).describe(
    'Days an event that could not be published is kept; its work is found without it.',
  ),
  keepDeadEvents: days(30).describe('Days an event that no delivery helped is kept.'),
  keepHookCalls: days(7).describe('Days a call of an after-hook is kept.'),
  keepHistory: days(365).describe(
    'Days the history of a run that has ended is kept, and with it attempts that another followed. Lineage is kept for ever.',
  ),
  keepRequests: days(1).describe('Days the answer to a request with an `Idempotency-Key` is kept.'),
  keepAudit: z.coerce
    .number()
    .min(leastDaysOfAudit)
    .default(365)
    .describe(
      `Days the audit is kept, ${leastDaysOfAudit} at the least: the database forgets none before.`,
    ),
  maxDataBytes: count(1024 ** 4).describe('Bytes the files of an uploaded data may have together.'),
  maxDataEntries: count(1_000_000).describe(
    'Files, links and directories an uploaded data may have together.',
  ),
  maxArchiveRatio: count(200).describe(
    'How many times the size of its archive an uploaded data may have, once it has `KNIT_ARCHIVE_RATIO_FROM` bytes.',
  ),
  // Masks, sparse tables and other data of zeros are packed to a thousandth, and are no bombs.
  archiveRatioFrom: count(4 * 1024 ** 3).describe(
    'Bytes an archive may unpack to whatever its own size is: data of zeros are packed to a thousandth.',
  ),
  maxPlanBytes: count(64 * 1024).describe(
    'Bytes a plan may have, and so its annotations, or its resources, however they are changed.',
  ),
  maxBodyBytes: count(1024 * 1024).describe('Bytes any other JSON body may have.'),
  maxCombinations: count(100_000).describe(
    'Runs that one event may create of a plan before the plan pauses and asks.',
  ),
  combinationsAtOnce: count(1000).describe(
    'Runs of a plan that one transaction creates at most: with more the database is held longer, with fewer all of them take longer.',
  ),
  maxInputs: count(100).describe('Inputs a plan may have.'),
  maxOutputs: count(100).describe('Outputs a plan may have.'),
  maxTags: count(100).describe('Tags a data, or a mount point, may have.'),
  maxTagBytes: count(4096).describe('Bytes key and value of a tag may have together.'),
})
export type Config = z.infer<typeof Config>

export const variableOf = (setting: string): string =>
  `KNIT_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** Settings that are not as they should be: the message names every mistake. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings'
}

/** Reads the settings from an environment. Throws one error that names every mistake at once. */
export function configFrom(env: Record<string, string | undefined>): Config {
  const given = Object.keys(Config.shape)
    .map((setting) => [setting, env[variableOf(setting)]] as const)
    .filter(([, value]) => value !== undefined && value !== '')
  const result = Config.safeParse(Object.fromEntries(given), { error: plainWords })
  if (result.success) return result.data
  const mistakes = result.error.issues.map(
    (issue) => `  ${variableOf(String(issue.path[0]))}: ${issue.message}`,
  )
  throw new BadSettings(`The settings are not as they should be:\n${mistakes.join('\n')}`)
}
