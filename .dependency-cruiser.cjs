// The rooms of src/, and which way they may look: `npm run check` holds every import, of types as well, to it.

/** What each room may import besides itself. A room that is not here may import nothing. */
const MAY_IMPORT = {
  base: [],
  policy: ['base'],
  secrets: ['base', 'policy'],
  ledger: ['base', 'policy'],
  audit: ['base', 'policy'],
  solvers: ['base', 'policy'],
  widgets: ['base', 'policy'],
  wires: ['base', 'policy'],
  egress: ['base', 'policy', 'secrets'],
  alerts: ['base', 'policy', 'secrets', 'egress'],
  guard: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'widgets', 'egress', 'alerts'],
  testing: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'widgets', 'wires', 'egress', 'alerts', 'guard'],
  adapters: ['base', 'policy', 'secrets', 'ledger', 'audit', 'solvers', 'widgets', 'egress', 'alerts', 'guard'],
}

const BROWSER_LIBRARIES =
  '(^|/)node_modules/(@playwright|playwright|playwright-core|@puppeteer|puppeteer[^/]*|selenium-webdriver|webdriverio)/'

/** What is bundled into a text and runs inside a page. */
const PAGE_CODE = '^src/widgets/(page|page-kit|families/[^/]+/page)/'

/** Folders and files of src/guard, from the ground up: each may import those of the rows above its own, and itself. */
const GUARD_FLOORS = [
  ['types\\.ts', 'errors\\.ts'],
  ['ports\\.ts', 'ledger-timeout\\.ts', 'admission/'],
  ['spending/'],
  ['accounts/'],
  ['observability/', 'keys/'],
  ['balance/', 'service/'],
  ['solve/', 'advice/', 'runtime\\.ts'],
  ['streams/', 'status\\.ts'],
  ['grant\\.ts'],
  ['options\\.ts', 'guard\\.ts'],
  ['compose\\.ts'],
  ['create\\.ts'],
  ['index\\.ts'],
]

const guardLooksDown = GUARD_FLOORS.flatMap((floor, at) =>
  floor.map((part) => {
    const below = [...GUARD_FLOORS.slice(0, at).flat(), part]
    return {
      name: `guard-${part.replace(/\W+ts$|\/$/, '')}-looks-down`,
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
    ...Object.entries(MAY_IMPORT).map(([room, rooms]) => ({
      name: `${room}-looks-down`,
      comment: `${room} may import ${rooms.length > 0 ? rooms.join(', ') : 'nothing of ours'}`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^(src|test|bench|scripts|examples)/', pathNot: `^src/(${[room, ...rooms].join('|')})/` },
    })),
    {
      name: 'the-core-has-no-side-doors',
      comment: 'src/index.ts shows the core: no adapter, no command, nothing for tests',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/(adapters|demo|testing)/' },
    },
    {
      name: 'every-room-is-known',
      comment: 'a new room needs a line in MAY_IMPORT',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(index\\.ts$|demo/|(${Object.keys(MAY_IMPORT).join('|')})/)` },
      to: {},
    },
    {
      name: 'page-code-stands-alone',
      comment: 'what runs inside a page imports only what runs inside a page',
      severity: 'error',
      from: { path: PAGE_CODE },
      to: { pathNot: PAGE_CODE },
    },
    {
      name: 'page-code-is-not-run-by-node',
      comment: 'Node takes types from page code, and the bundled text of page/script.ts',
      severity: 'error',
      from: { path: '^src/', pathNot: PAGE_CODE },
      to: { path: PAGE_CODE, pathNot: '^src/widgets/page/script\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'page-kit-knows-no-family',
      severity: 'error',
      from: { path: '^src/widgets/page-kit/' },
      to: { pathNot: '^src/widgets/page-kit/' },
    },
    {
      name: 'families-know-nothing-of-each-other',
      comment: 'nor of the tables that list them',
      severity: 'error',
      from: { path: '^src/widgets/families/([^/]+)/' },
      to: {
        path: '^src/widgets/(families/|page/|(table|calls|parse|test-keys)\\.ts$)',
        pathNot: '^src/widgets/families/$1/',
      },
    },
    ...guardLooksDown,
    {
      name: 'every-part-of-the-guard-has-a-floor',
      comment: 'a new folder or file of src/guard needs a place in GUARD_FLOORS',
      severity: 'error',
      from: { path: '^src/guard/', pathNot: `^src/guard/(${GUARD_FLOORS.flat().join('|')})` },
      to: {},
    },
    {
      name: 'nobody-holds-the-runtime',
      comment:
        'a part of the guard takes ports (src/guard/ports.ts); only compose.ts knows the class that has them all',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/guard/compose\\.ts$' },
      to: { path: '^src/guard/runtime\\.ts$' },
    },
    {
      name: 'no-browser-in-the-core',
      comment: 'only adapters and commands know a browser library',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|demo)/' },
      to: { path: BROWSER_LIBRARIES },
    },
    {
      name: 'ships-with-what-it-needs',
      comment: 'what users install is in dependencies, or is a peer whose types alone are used',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/demo/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['type-only', 'npm-peer'],
      },
    },
    {
      name: 'no-circles',
      comment: 'types included: a type that ties two files belongs in a third',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'the-engine-knows-no-tool',
      comment: 'a browser tool can be replaced; what finds, solves and injects works through a Driver',
      severity: 'error',
      from: { path: '^src/adapters/(engine/|driver\\.ts$)' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/(engine/|driver\\.ts$)' },
    },
    {
      name: 'a-tool-knows-the-engine-and-itself',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/', pathNot: '^src/adapters/(engine|playwright-test|extra)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/($1/|engine/|driver\\.ts$)' },
    },
    {
      name: 'plugins-stand-on-plain-adapters',
      comment: 'playwright-test and the extra plugins may import the two plain adapters, and not each other',
      severity: 'error',
      from: { path: '^src/adapters/(playwright-test|extra)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/($1/|engine/|playwright/|puppeteer/)' },
    },
    {
      name: 'vendors-know-nothing-of-each-other',
      comment: "a vendor's stand-in imports its own folder, what all vendors share, and the type that routes requests",
      severity: 'error',
      from: { path: '^src/testing/vendors/([^/]+)/' },
      to: { path: '^src/testing/', pathNot: '^src/testing/(vendors/$1/|vendors/route\\.ts$|shared/|clock\\.ts$)' },
    },
    {
      name: 'demo-testing-and-cli-are-leaves',
      comment: 'the demo shows the stand-ins; the core, the adapters and the wires know neither of them',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(demo|testing|cli)/' },
      to: { path: '^src/(demo|testing|cli)/' },
    },
    { name: 'nothing-missing', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
