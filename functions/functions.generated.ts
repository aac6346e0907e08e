// Generated from the folders of functions/ by `npm run generate`.
import accessWhoami from './api/access-whoami/function.ts'
import adminAudit from './api/admin-audit/function.ts'
import adminCheck from './api/admin-check/function.ts'
import adminDrop from './api/admin-drop/function.ts'
import adminEvents from './api/admin-events/function.ts'
import adminGarbage from './api/admin-garbage/function.ts'
import adminHooks from './api/admin-hooks/function.ts'
import adminReplay from './api/admin-replay/function.ts'
import dataCat from './api/data-cat/function.ts'
import dataFind from './api/data-find/function.ts'
import dataLs from './api/data-ls/function.ts'
import dataPull from './api/data-pull/function.ts'
import dataPush from './api/data-push/function.ts'
import dataShow from './api/data-show/function.ts'
import dataTag from './api/data-tag/function.ts'
import eventsWatch from './api/events-watch/function.ts'
import explainShow from './api/explain-show/function.ts'
import importsBegin from './api/imports-begin/function.ts'
import importsEnd from './api/imports-end/function.ts'
import lineageShow from './api/lineage-show/function.ts'
import plansActivate from './api/plans-activate/function.ts'
import plansAnnotate from './api/plans-annotate/function.ts'
import plansApply from './api/plans-apply/function.ts'
import plansDeactivate from './api/plans-deactivate/function.ts'
import plansFind from './api/plans-find/function.ts'
import plansResource from './api/plans-resource/function.ts'
import plansSetaccount from './api/plans-setaccount/function.ts'
import plansShow from './api/plans-show/function.ts'
import plansUnsetaccount from './api/plans-unsetaccount/function.ts'
import plansUsage from './api/plans-usage/function.ts'
import runsAbort from './api/runs-abort/function.ts'
import runsDelete from './api/runs-delete/function.ts'
import runsFind from './api/runs-find/function.ts'
import runsHistory from './api/runs-history/function.ts'
import runsLog from './api/runs-log/function.ts'
import runsRetry from './api/runs-retry/function.ts'
import runsShow from './api/runs-show/function.ts'
import runsTearoff from './api/runs-tearoff/function.ts'
import tokensCreate from './api/tokens-create/function.ts'
import tokensList from './api/tokens-list/function.ts'
import tokensRevoke from './api/tokens-revoke/function.ts'
import callHooks from './steps/call-hooks/function.ts'
import cleanUp from './steps/clean-up/function.ts'
import collectGarbage from './steps/collect-garbage/function.ts'
import finishRun from './steps/finish-run/function.ts'
import initializeRun from './steps/initialize-run/function.ts'
import keepDeadLetters from './steps/keep-dead-letters/function.ts'
import matchData from './steps/match-data/function.ts'
import observeWorker from './steps/observe-worker/function.ts'
import projectRuns from './steps/project-runs/function.ts'
import startRun from './steps/start-run/function.ts'
import sweep from './steps/sweep/function.ts'

/** Every route of the API. */
export const routeFunctions = [
  accessWhoami,
  adminAudit,
  adminCheck,
  adminDrop,
  adminEvents,
  adminGarbage,
  adminHooks,
  adminReplay,
  dataCat,
  dataFind,
  dataLs,
  dataPull,
  dataPush,
  dataShow,
  dataTag,
  eventsWatch,
  explainShow,
  importsBegin,
  importsEnd,
  lineageShow,
  plansActivate,
  plansAnnotate,
  plansApply,
  plansDeactivate,
  plansFind,
  plansResource,
  plansSetaccount,
  plansShow,
  plansUnsetaccount,
  plansUsage,
  runsAbort,
  runsDelete,
  runsFind,
  runsHistory,
  runsLog,
  runsRetry,
  runsShow,
  runsTearoff,
  tokensCreate,
  tokensList,
  tokensRevoke,
]

/** Every step of the workflow. */
export const stepFunctions = [
  callHooks,
  cleanUp,
  collectGarbage,
  finishRun,
  initializeRun,
  keepDeadLetters,
  matchData,
  observeWorker,
  projectRuns,
  startRun,
  sweep,
]
