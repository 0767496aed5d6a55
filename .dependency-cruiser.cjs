// Which folder of src/ may import which. `npm run check` checks every import, of types as well.

/** What each folder may import besides itself. A folder that is not listed may import nothing. */
const MAY_IMPORT = {
  base: [],
  policy: ['base'],
  net: ['base'],
  secrets: ['base', 'policy', 'net'],
  ledger: ['base', 'policy'],
  audit: ['base', 'policy', 'net', 'secrets'],
  report: ['base', 'policy', 'secrets', 'ledger', 'audit'],
  solvers: ['base', 'policy'],
  widgets: ['base', 'policy'],
  wires: ['base', 'policy'],
  egress: ['base', 'policy', 'net', 'secrets'],
  alerts: ['base', 'policy', 'net', 'secrets', 'egress'],
  tokens: ['base', 'policy', 'secrets', 'egress', 'wires'],
  guard: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'widgets', 'wires', 'egress', 'alerts', 'tokens'],
  testing: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'widgets', 'wires', 'egress', 'alerts', 'guard'],
  config: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'guard'],
  broker: ['base', 'policy', 'net', 'secrets', 'wires', 'tokens', 'guard'],
  intercept: ['base', 'policy', 'config', 'net', 'solvers', 'wires', 'guard', 'broker'],
  drill: [
    ...['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'wires', 'alerts', 'tokens', 'guard', 'broker'],
    ...['intercept', 'testing'],
  ],
  adapters: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'widgets', 'egress', 'alerts', 'guard'],
}

/** The only file of the adapters that may import the stand-ins: for suites without a key. */
const STAND_INS_OF_SUITES = '^src/adapters/playwright-test/stand-ins\\.ts$'

const BROWSER_LIBRARIES =
  '(^|/)node_modules/(@playwright|playwright|playwright-core|@puppeteer|puppeteer[^/]*|selenium-webdriver|webdriverio)/'

/** Code that is bundled into a string and runs inside a page. */
const PAGE_CODE = '^src/widgets/(page|page-kit|families/[^/]+/page)/'

/** Folders and files of src/guard, lowest first: each may import itself and those in the rows above its own row. */
const GUARD_FLOORS = [
  ['types\\.ts', 'errors\\.ts'],
  ['ports\\.ts', 'ledger-timeout\\.ts', 'admission/'],
  ['spending/'],
  ['accounts/'],
  ['observability/', 'keys/', 'callbacks/'],
  ['balance/', 'service/', 'tokens/'],
  ['solve/', 'advice/', 'runtime\\.ts', 'checked-parts\\.ts'],
  ['streams/', 'status\\.ts', 'format-status\\.ts'],
  ['grant\\.ts'],
  ['options\\.ts', 'guard\\.ts', 'hosting\\.ts'],
  ['remote/', 'callback-handler\\.ts'],
  ['compose\\.ts'],
  ['create\\.ts', 'explain-policy\\.ts'],
  ['index\\.ts'],
]

const guardFloorRules = GUARD_FLOORS.flatMap((floor, at) =>
  floor.map((part) => {
    const below = [...GUARD_FLOORS.slice(0, at).flat(), part]
    return {
      name: `guard-${part.replace(/\W+ts$|\/$/, '')}-imports-only-lower-floors`,
      comment: 'see GUARD_FLOORS',
      severity: 'error',
      from: { path: `^src/guard/${part}` },
      to: { path: '^src/guard/', pathNot: `^src/guard/(${below.join('|')})` },
    }
  }),
)

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(([folder, lower]) => ({
      name: `${folder}-imports-only-lower-folders`,
      comment: `${folder} may import ${lower.length > 0 ? lower.join(', ') : 'no other folder of src'}`,
      severity: 'error',
      from: { path: `^src/${folder}/`, pathNot: STAND_INS_OF_SUITES },
      to: { path: '^(src|test|bench|scripts|examples)/', pathNot: `^src/(${[folder, ...lower].join('|')})/` },
    })),
    {
      name: 'core-imports-no-adapter',
      comment: 'src/index.ts exports the core: no adapter, no command, no broker, nothing for tests',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/(adapters|demo|testing|cli|drill|broker|intercept|report|config)/' },
    },
    {
      name: 'every-folder-is-known',
      comment: 'a new folder needs a line in MAY_IMPORT',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(index\\.ts$|(demo|cli)/|(${Object.keys(MAY_IMPORT).join('|')})/)` },
      to: {},
    },
    {
      name: 'page-code-imports-only-page-code',
      comment: 'code that runs inside a page imports only code that runs inside a page',
      severity: 'error',
      from: { path: PAGE_CODE },
      to: { pathNot: PAGE_CODE },
    },
    {
      name: 'page-code-is-not-run-by-node',
      comment: 'Node code imports types of page code, and the bundled string from page/script.ts',
      severity: 'error',
      from: { path: '^src/', pathNot: PAGE_CODE },
      to: { path: PAGE_CODE, pathNot: '^src/widgets/page/script\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'page-kit-imports-no-family',
      severity: 'error',
      from: { path: '^src/widgets/page-kit/' },
      to: { pathNot: '^src/widgets/page-kit/' },
    },
    {
      name: 'families-import-no-other-family',
      comment: 'a family imports neither another family nor the tables that list the families',
      severity: 'error',
      from: { path: '^src/widgets/families/([^/]+)/' },
      to: {
        path: '^src/widgets/(families/|page/|(table|calls|parse|test-keys)\\.ts$)',
        pathNot: '^src/widgets/families/$1/',
      },
    },
    ...guardFloorRules,
    {
      name: 'every-part-of-the-guard-has-a-floor',
      comment: 'a new folder or file of src/guard needs a place in GUARD_FLOORS',
      severity: 'error',
      from: { path: '^src/guard/', pathNot: `^src/guard/(${GUARD_FLOORS.flat().join('|')})` },
      to: {},
    },
    {
      name: 'only-the-composition-root-knows-the-runtime',
      comment:
        'a part of the guard takes ports (src/guard/ports.ts); only compose.ts imports the class that has them all',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/guard/compose\\.ts$' },
      to: { path: '^src/guard/runtime\\.ts$' },
    },
    {
      name: 'core-imports-no-browser-library',
      comment: 'only adapters and commands import a browser library',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|demo)/' },
      to: { path: BROWSER_LIBRARIES },
    },
    {
      name: 'src-imports-only-shipped-packages',
      comment: 'a package that src imports is in dependencies, or is a peer of which only types are imported',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(demo|cli|report)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['type-only', 'npm-peer'],
      },
    },
    {
      name: 'no-circular-imports',
      comment: 'imports of types included: a type that two files need from each other belongs in a third file',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'engine-imports-no-tool',
      comment: 'a browser tool can be replaced; the code that finds, solves and injects uses a Driver',
      severity: 'error',
      from: { path: '^src/adapters/(engine/|driver\\.ts$)' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/(engine/|driver\\.ts$)' },
    },
    {
      name: 'tool-imports-only-the-engine-and-itself',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/', pathNot: '^src/adapters/(engine|playwright-test|extra)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/($1/|engine/|driver\\.ts$)' },
    },
    {
      name: 'plugins-import-only-plain-adapters',
      comment: 'playwright-test and the extra plugins may import the two plain adapters, and not each other',
      severity: 'error',
      from: { path: '^src/adapters/(playwright-test|extra)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/($1/|engine/|playwright/|puppeteer/)' },
    },
    {
      name: 'vendors-import-no-other-vendor',
      comment: "a vendor's stand-in imports its own folder, the code of all vendors, and the type that routes requests",
      severity: 'error',
      from: { path: '^src/testing/vendors/([^/]+)/' },
      to: { path: '^src/testing/', pathNot: '^src/testing/(vendors/$1/|vendors/route\\.ts$|shared/|clock\\.ts$)' },
    },
    {
      name: 'nothing-imports-demo-testing-or-cli',
      comment:
        'the demo, and suites without a key, may import the stand-ins; the core, adapters and wires import neither',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(demo|testing|cli|drill)/', STAND_INS_OF_SUITES] },
      to: { path: '^src/(demo|testing|cli)/' },
    },
    {
      name: 'nothing-imports-cli',
      comment: 'commands are the outermost folder: the demo and the drill are run by them, and know none',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'src-imports-only-src',
      comment: 'src is shipped without tests, benchmarks, scripts and examples; the build bundles the one exception',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|examples)/', pathNot: '^scripts/find-browser\\.mjs$' },
    },
    {
      name: 'only-commands-import-the-drill',
      comment: 'the drill stands on the guard, the broker and the stand-ins; nothing stands on it but its command',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(drill|cli)/' },
      to: { path: '^src/drill/' },
    },
    { name: 'no-unresolved-imports', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
