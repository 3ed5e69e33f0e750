"""The word lists: what hints at a school or a country, what is in many names, what a name may turn into."""

_YEARS = tuple(f"{year}{number}" for number in range(1, 14) for year in ("Year ", "Y", "Yr"))


def _listed(text: str) -> tuple[str, ...]:
    """The entries of a list written with bars between them."""
    return tuple(entry.strip() for entry in text.replace("\n", " ").split("|") if entry.strip())


# What people in this country say of schools.
BRITISH = (
    _listed("""
    Ofsted | Estyn | ISI inspection | HMIE | SATs | Year One | Year Two | Year Three | Year Four | Year
    Five | Year Six | Year Seven | Year Eight | Year Nine | Year Ten | Year Eleven | reception class |
    head teacher | headteacher | headmaster | headmistress | deputy head | half term | GCSE | GCSEs | A
    level | A levels | SENCO | SENDCO | KS1 | KS2 | KS3 | KS4 | EYFS | key stage | phonics | catchment |
    academy trust | multi academy trust | safeguarding lead | DSL | LADO | county council | borough
    council | city council | local authority | teaching assistant | lollipop lady | lollipop man |
    council tax | school governors | chair of governors | sixth form | lower sixth | upper sixth |
    dinner ladies | dinner lady | free school meals | pupil premium | INSET day | headteachers |
    Children's Services | CAMHS | NSPCC | Childline | ysgol | disgyblion | pennaeth | athrawon
""")
    + _YEARS
)

# Places in other countries; none that is also a town here.
FOREIGN_PLACES = _listed("""
    USA | United States | America | Australia | New Zealand | Canada | Republic of Ireland | India |
    Pakistan | Nigeria | Kenya | Ghana | South Africa | Jamaica | Singapore | Hong Kong | Malaysia |
    Philippines | Uganda | Tanzania | Zimbabwe | Sri Lanka | Bangladesh | Texas | California | Florida |
    Ohio | Michigan | Illinois | New York | New Jersey | Pennsylvania | Massachusetts | Minnesota |
    Wisconsin | Missouri | Kansas | Iowa | Indiana | Kentucky | Tennessee | Louisiana | Colorado |
    Oregon | Connecticut | Queensland | New South Wales | NSW | Auckland | Sydney | Brisbane | Adelaide
    | Toronto | Vancouver | Ottawa | Ontario | Chicago | Los Angeles | Houston | Dallas | Philadelphia |
    Baltimore | Dublin | Galway | Limerick | Nairobi | Lagos | Delhi | Mumbai | Bangalore | Kolkata |
    Chennai | Karachi | Lahore | Manila | Kuala Lumpur | Cape Town | Johannesburg | Durban | Tasmania |
    Canberra
""")

# What people in other countries say of schools.
FOREIGN_SCHOOLS = _listed("""
    sophomore | sophomores | varsity | freshman year | school district | ISD | homecoming | kindergarten
    | kindergartner | kindergartners | first grader | second grader | third grader | fourth grader |
    fifth grader | sixth grader | seventh grader | eighth grader | first grade | second grade | third
    grade | fourth grade | fifth grade | sixth grade | seventh grade | eighth grade | 1st grade | 2nd
    grade | 3rd grade | 4th grade | 5th grade | 6th grade | 7th grade | 8th grade | 5th grader |
    superintendent of schools | superintendent | touchdown | quarterback | valedictorian | K12 | high
    schooler | middle schooler | state championship | NAPLAN | ATAR | NCEA | leaving cert | junior cert
    | school board
""")

# Words by which a text speaks of a school at all.
SCHOOL = (
    _listed("""
    school | schools | pupil | pupils | teacher | teachers | teaching | headteacher | head teacher |
    headmaster | headmistress | classroom | playground | lesson | lessons | homework | detention |
    governors | Ofsted | Estyn | parents evening | PTA | uniform | bullied | bullying | bullies | sports
    day | school run | school gates | half term | SATs | GCSE | GCSEs | nursery | ysgol | disgyblion |
    pennaeth | athrawon | athro | athrawes | year group | safeguarding | SENCO
""")
    + _YEARS
)

# Words that are in many names, and make many more in twos: riverside, oakfield.
GENERIC_PARTS = _listed("""
    park | hill | hills | green | lane | road | street | view | field | fields | meadow | meadows |
    brook | river | mill | wood | woods | land | lands | oak | oaks | ash | elm | beech | birch | willow
    | willows | cedar | cedars | holly | hazel | orchard | grove | garden | gardens | manor | hall |
    house | grange | castle | church | abbey | priory | court | lodge | farm | lake | spring | springs |
    valley | vale | heath | moor | common | cross | north | south | east | west | northern | southern |
    eastern | western | upper | lower | middle | new | old | great | little | high | long | king | kings
    | queen | queens | prince | duke | lady | bishop | bishops | bank | side | top | end | gate | way |
    ways | star | water | sea | sun | dale | bridge | ford | stone | white | black | red | rose |
    rainbow | down | downs | town | village | city
""")

# More words that are in many names.
GENERIC = _listed("""
    the | of | and | at | in | on | for | a | our | my | his | de | le | la | y | yr | mair | mhuire |
    central | community | international | first | primary | holy | trinity | sacred | heart | christ |
    all | blessed | immaculate | conception | family | shepherd | good | rosary | assumption | lourdes |
    fatima | mercy | mary | joseph | john | james | george | peter | paul | edward | henry | elizabeth |
    victoria | albert | alfred | i | ii | iii | iv | v | vi | vii | viii | baptist | evangelist |
    apostle | martyr | more | becket | magdalene | virgin | angels | souls | discovery | pioneer |
    phoenix | unity | hope | horizon | horizons | compass | beacon | summit | enterprise | excellence |
    trust | learning | academy | school | college
""")

# What makes a name that of something else when it follows.
THINGS = _listed("""
    hospital | hospice | cathedral | fc | afc | rfc | cc | cricketclub | footballclub | rugbyclub |
    golfclub | golfcourse | tennisclub | socialclub | bowlsclub | stadium | hotel | surgery |
    medicalcentre | medicalpractice | healthcentre | dentalpractice | gardencentre | estateagent |
    estateagents | lettings | road | street | lane | avenue | rd | station | railway | railwaystation |
    cemetery | crematorium | carehome | nursinghome | nurseries | retailpark | businesspark |
    industrialestate | shoppingcentre | university | islands | lighthouse | racecourse | caravanpark |
    countrypark | playingfields | villagehall | church | churchyard |
    vicarage | residentsassociation | neighbourhoodwatch | housingassociation |
    wetherspoons
""")

# The same where their beginning could be taken for a kind of school: a primary, a high, a parish one.
COMPOUNDS = _listed("""
    primarycare | secondarycare | highstreet | highroad | communitycentre | communityhub | communityhall |
    communitygroup | communitycouncil | communityshop | communitygarden | parishchurch | parishcouncil |
    parishhall | freechurch | methodistchurch | baptistchurch | catholicchurch | catholiccathedral |
    methodistchapel | girlsfc | boysfc | juniorsfc | firstresponders
""")

# The same, but ordinary words unless they have a capital letter.
CAPITAL_THINGS = _listed("""
    bay | united | city | close | drive | court | way | park | ground | day | square | arms | inn | pub
    | care | villas | estate | wharf | loch | island | isle | football | cricket | rugby | green |
    crescent | terrace | gardens | gate | hill | house | farm | mill | market | tavern | club | harbour
    | point | creek | county | reservoir | wood | woods | rovers | town | rangers | wanderers | athletic
    | hall
""")

# Words with a capital letter beside a name that name no place.
NO_PLACES = _listed("""
    january | february | march | april | may | june | july | august | september | october | november |
    december | monday | tuesday | wednesday | thursday | friday | saturday | sunday | year | years | mrs
    | miss | ofsted | estyn | england | britain | wales | scotland | the | this | that | she | they |
    you | are | was | were | has | had | have | his | her | our | your | their | its | and | but | not |
    for | from | with | when | what | why | how | who | reception | nursery | class | form | key |
    christmas | easter | autumn | spring | summer | term | school | schools | primary | secondary | uk |
    near | outside | inside | around | against | about | over | under | after | before | until | while |
    where | which | says | said | headteacher | head | teacher | pupil | pupils | mum | mums | dad |
    dads | parents | parent | governors | love | hate | old | dear | poor | well | then | there | here |
    today | tomorrow | yesterday | tonight | facebook | twitter | instagram | tiktok | snapchat |
    bluesky | reddit | gcse | gcses | sats | send | ta | tas | pta | dsl | god | lol | omg | wtf | also
    | both | all | any | another | every | some | shame | boycott | save | visit | join | welcome |
    thank | thanks | done | happy | congratulations | news | report | update | breaking | between | via
""")

# The first letters of the type words that may follow a name, so short that no type word is missed.
LURES = _listed("""
    sch | acad | pri | inf | jun | nurs | presch | prep | first | lower | mid | upper | sec | high |
    gram | comp | coll | sixthf | 6thf | va | vc | vol | aided | contr | comm | found | spec | free
    | forg | forb | girls | boys | and | parish | comb | cofe | ce | churchof | churchin | catholic
    | rc | romancath | methodist | baptist | jewish | muslim | islamic | sikh | hindu
""")
