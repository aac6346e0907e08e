import { described, globalFlags, type Described, type DescribedArg } from './described.ts'
import { root } from './root.ts'

const environment: [name: string, about: string][] = [
  ['KNIT_PROFILE, KNIT_PROFILE_STORE, KNIT_ENV', 'Stand for --profile, --profile-store and --env.'],
  ['KNIT_HOME', 'Home of the system on this machine; stands for --home.'],
  ['NO_COLOR', 'Set to anything: nothing is coloured.'],
  ['HTTP_PROXY, HTTPS_PROXY, NO_PROXY', 'By way of whom servers are reached.'],
]

const exits: [code: string, about: string][] = [
  ['0', 'Done.'],
  ['1', 'Failed; what to try next is on the last line.'],
  ['2', 'Misused.'],
  ['70', 'A bug in knit.'],
  ['130', 'Interrupted.'],
  ['129, 143', 'Ended by SIGHUP or SIGTERM, with nothing left half done.'],
  ['141', 'Whoever read what it prints has read enough, as head has.'],
]

/** The page that `man knit` shows: every command with its arguments and flags. */
export async function manPage(version: string): Promise<string> {
  const commands = await described(root)
  return [
    '.\\" Generated from the definitions in cli/commands by npm run generate.',
    `.TH KNIT 1 "" "knit ${version}" "Knitfab"`,
    '.SH NAME',
    'knit \\- data and plans in, models and their lineage out',
    '.SH SYNOPSIS',
    '.B knit',
    '.I COMMAND',
    '[OPTIONS]',
    '.br',
    '.B knit help',
    '.I COMMAND',
    '.br',
    '.B knit \\-\\-version',
    '.SH OPTIONS OF EVERY COMMAND',
    ...globalFlags.flatMap(item),
    '.SH COMMANDS',
    ...commands.flatMap(section),
    '.SH ENVIRONMENT',
    ...environment.flatMap(([name, about]) => item({ forms: [name], about })),
    '.SH EXIT STATUS',
    ...exits.flatMap(([code, about]) => item({ forms: [code], about })),
    '',
  ].join('\n')
}

const section = ({ usage, about, positionals, flags, examples }: Described): string[] => [
  `.SS ${text(usage)}`,
  text(about),
  ...[...positionals, ...flags].flatMap(item),
  ...(examples.length > 0 ? ['.PP', '.EX', ...examples.map(text), '.EE'] : []),
]

function item({ forms, about, fallback }: DescribedArg): string[] {
  const unlessGiven = fallback === undefined ? '' : ` Unless given: ${fallback}.`
  return ['.TP', `.B ${text(forms.join(', '))}`, text(about + unlessGiven)]
}

/** A line of text as it is: no escapes, no request at its beginning, and hyphens that can be copied. */
const text = (line: string): string =>
  line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^[.']/, '\\&$&')
    .replace(
      /[^ -~]/gu,
      (letter) => `\\[u${letter.codePointAt(0)?.toString(16).padStart(4, '0').toUpperCase()}]`,
    )
