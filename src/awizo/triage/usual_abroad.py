"""First letters of the words that mails about an order's state are made of, in five languages.

In:  nothing.
Out: lists of stems by language, as in ``awizo.triage.usual``.

Gathered from the wordings of shops and carriers in our own tests and rules, with the days, the
months and the small words of each language. What a list lacks makes a mail go on that could
have been stopped; what it has too much of hides a sentence that only the mail says.
"""

from __future__ import annotations

ABROAD = {
    "cs": """
        abc aby accou adres ahoj aktiv aktua alleg alzab ano aplik app apple archi
        autom autor balic balik balim bance banka banko behem bez bezho bezpe bezpl
        bitu blesk box boxu breze brezn brne brno brzy bude budem byl byla byli bylo
        byly byste byt bytu cast castk casu cbb ceka cekam celke celni cena centr
        cerve cervn ceste chcet chybi chyst cilov cisle cislo comga ctvrt ctyri
        dalsi danov davaj dejte dekuj delat den depa depo depu dic dik diky dilne
        dle dlouh dne dnes dnesk dni dnu dny dobir dobro dobry dodac dodan dojmy
        dokla dokon dokud dolu doma dopad dopol dopor dopra doraz doruc dostu dotaz
        doufa dpd dph duben dubna duver duvod dva dvora elekt email epara eshop
        evidu examp exped faceb faktu firma firme formu fotok fotop frci front garaz
        gls gopay heslo heure hezky histo hned hodil hodin hodno hotov https husov
        hvezd ico ihned index info infol infor inkas insta inter invoi jak jakmi
        jako jede jeden jedna jedno jen jeste jihla jiz jmeno jsem jsme jsou jste
        karta karto karty kazde kdyko kdyz key klikn kod koleg kompl konta kopie
        korun kosik krabi kratk kroku ktera ktere ktery kupni kuryr kus kusy kutil
        kvete kvetn leden ledna let leti lhuta libi lidic linka list listo maile
        mailu makam male mame mape mate mesic mezi mila minut miste misto mit mnozs
        moc mozno muj muzet nachy nadra nahor najde nakup nalep nalez naloz nam nami
        napis nas nase naseh nasem nasi nasic nasko nasle nasli nazor nebo nebyl
        necha nedel nejpo neni neodp neoho nepla nepod nepot nezas nezda nikdo nize
        nova novak novin novou novy nusel nutno nyni obcho obdrz obj objed obrat
        obsah oceka ochra odber odebi odesi odesl odhla odjel odkaz odpol odsto
        ohodn onlin oprav opust order osobn ostat ostra otaze otazk otevr overe
        overt oznam packe palec pane pani par parce partn patek patku pavel pay pdf
        pece pekny peniz pet peti php planu platb plate plati platn plete plne plnen
        poboc pod podac podal podan podel podmi podpo pokla pokra pokud pokus poloz
        pomah pomoc pomoz pomuz ponde porad porta posil posle posta poste posto
        postu potvr pouka pouzi pozas pozdr ppl praco praha prani pravd prave pravo
        preda preje prepr pres presm prest prevo prevz pri pribl priby prich prihl
        prija prije prilo pripa pripr prips prisl prist prive pro probe prode produ
        profi profo prohl prosb prosi proto prove provo prube pruka prvni pusti
        putuj radi rana rano reago recen regal rejst rekap rekla rekne ridic riha
        rijen rijna rizen rodin rok route rozvo rtzui rukou sada sekce sekci sest
        shipm shop shopu showr shrnu sici sidlo site sklad skole sla sledo sledu
        sleva slevu slouz slov slusi smeru smlou smluv sobot socia soubo soud souhr
        souse sparo splni spoko spole sprav srpen srpna staci stahn stav stavt stavu
        staze stite stran stred strhl strih stul stupn suma sve svem svou svuj symbo
        syste tady take telef thepa timto tisk tiskn tisku tlaci toho tohot tom
        toptr toto totoz trafi trans treba tri tridi trva tyden tydne tydny tym
        ucele ucet ucte ucten uctu udaje udaju udani udelt uhrad uhraz uloze ulozi
        ulozt unor unora uplyn upozo uscho usije uspes utery uvede uvnit vam vami
        varia vas vase vaseh vasem vasi vasic vasim vazen vcera vcetn vdecn vecer
        vedet velmi vezme vice vidim visa vlozi vrace vraci vrati vrhne vse vsech
        vteri vyber vybir vydan vydej vygen vyhle vyjel vypis vypln vyrab vyriz
        vyrob vyrov vysav vysi vyskl vysla vysta vyzve vzdy web webu wooco www zabal
        zaber zacal zacin zaevi zahaj zakaz zalep zaloh zamow zanec zapla zapsa
        zapus zari zaruc zaruk zasil zasla zasta zatiz zbozi zbyva zdarm zde zdrav
        ziske zitra zkuse zkusi zmena zmene zmeni znamk znamy znovu zobra zodpo zona
        zone zprac zprav zpuso zrovn zvlas zvole
    """,
    "sk": """
        abc aby accou adres ahoj ako akona aktiv aktua aky alebo alleg ano aplik
        apple april archi augus autom autor autos babca balic balik balim banka
        banke banko behom beste bez bezpe bezpl bfa bieli blesk bloce block bol bola
        boli bolo box boxe brati bude budem buduc byl byla byt bytu bzkis caka cakam
        cast casu celko cena centr ceste cez chcet chyba chyst cielo cislo colno
        cosko dajte dakuj dalsi dalso danov davaj decem den depa depo detsk dieln
        diky dlha dna dnes dni doba dobie dobro dobry dodac dodan dojmy dokla dokon
        dole doma dopad dopor dopra doraz doruc dosta dostu dotaz dover dovod dpd
        dph drobc dufam dva elekt email eshop este eur euro eva evidu examp exped
        faceb faktu febru ffe firma firme formu fotok garaz gls heslo histo hlavn
        hlins hned hodil hodin hodno hore horva hrnce https hviez ico ide ihned
        index infol infor inkas insta inter invoi isla iveta janua jeden jedna jedno
        jul jula jun juna karta karto karty katar kde ked kedyk key klikn kocky kod
        koleg kompl konan konta kopia kosic kosik krabi kratk ktora ktore ktory kupe
        kupna kupne kurie kus kusy kutil kym lehot len leti linka list lokij mailo
        mailu maj maja malej mame mape marca marec mat mate medzi meno mesia miest
        milan minut mnozs moc moj moja mozet mozno nachy najde najne nakup nalep
        naloz nam nami napis nas nasa nasej nasho nasi nasic nasko nasle nasli nasom
        nasu nazor nebol necha nedel nej neodp neoho nepla nepod nepot nezas nie
        nikto nizsi nova novem novin novy nutno obcho obcia obj objed obrat obsah
        ocaka ochra odber odhla odisl odkaz odosi odosl odovz odpor odstu ohodn
        oktob onlin oprav opust order osobn ostat otazk otazo otvor overt oznam paci
        pacia packe palec pan pani par partn pat pay pdf pecie pekny penia peter php
        piati piatk piato platb plati platn pleti plnej plnen plus poboc pocas pod
        podac podal podan podar podel podla podmi podpo pokla pokra pokus poloz
        pomah pomoc pomoz ponde ponec poobe popol poria posie posle posta poste
        posto postu potvr pouka pouzi poved pozas pozdr praco praje pravd prave
        pravo pre prebe preda predp prepr prest preto preuk preva prevo prevz pri
        pribl pribu pride prieb priem prihl prija prije prikl prilo pripa pripi
        pripr prisl prist prive produ profo prosb prosi pusti putuj radi raj rana
        rano reago recen regal regis rekap rekla robim rodic rodin rok rokov route
        rozvo rukac schva sekci septe sest shop shopu showr sidlo siete silvi sklad
        skole skuse skusi sledo sledu slov sluzi sme sms sobot socia som splni spoko
        spola spolu sposo sprac sprav sps spust staci stani stav stavu ste stiah
        stito stol stran stred strhl stupn stvrt styri subor sud suhrn suma sumou
        sumu sumy super sused svoj svoje svojo symbo syste tandt telef tento teraz
        termi tieto tiez tim tlac tlace tlaci toho tohto tom topan tovar trans tri
        tried trust tymto tyzde tyzdn ucelo ucet ucte ucten uctu udajo uhrad uloze
        ulozt uplyn upozo uscho usetr uspes utoro uvede vam vami varia vas vasa vase
        vasej vasho vasic vasim vasmu vasou vasu vazen vcera vdacn vdaka vecer vedie
        velmi vezme vidim viera visa vlozi vodic vraci vrata vrate vrati vrhne vsetk
        vybav vyber vydaj vydan vygen vypln vyrab vyraz vyrob vyrov vysav vyske
        vyskl vysta vyzdv vzdy web wooco zabal zacal zacin zadar zaevi zahra zajtr
        zakaz zalep zaloh zapis zapla zaruc zaruk zasie zasil zasta zataz zdrav
        zelan zilin zlava zmena zmene zmluv znamk znamy znova zobra zodpo zona zone
        zosta zvlas zvole
    """,
    "hu": """
        aac accou ace adasv adatk adato adatv afa ajanl aktiv aktua alatt alkal all
        allap alleg amely ami amig amiko amint apple april archi arkad aru aruke
        arut aszta atadj atadt atadv atuta atveh atvet augus autom azonn azono balog
        bank bankk banks bario barka barla barmi becso beerk befej befiz belep belul
        bemut benyo besze beval bizal bizon bizto bolt boltt boltu budap cdd cegje
        cegun celde celja cim cimke cimze cipoj clfox csak csala csapa csato csill
        csoma csuto danie darab decem ded delel delut depo depob depos dijbe doboz
        dolgo dpd ebben ece egesz egy ehhez elado elall eleg elege elekt elerh elhag
        elind elkes elkez elkul ellen elmen eloke elozm eltel elvar email emghu
        enged ennek epp eppen eri erkez erosi ertek ertes erven esete este evig
        examp expre ezen ezt ezuto faceb fajl febru fejez fel felad feldo felte
        feren fiok fiokj fioko fizes fizet flex fodor fogla fogot fonto fordu forin
        forma fotok foxpo futar fuvar gabor garan garaz gener gerge gls gomb gorbu
        gyako gyart gyor hagyt halas hamar harom hat hatal hatar hely helye het hete
        heten hetfo hiany hirle hivat hogy hogya holna honap honla horga horgo horva
        hozza https huvel idopo igazo igen ikonr ildik ime index indok indul ingye
        insta inter invoi iratk irja irjon iskol ismer itt janua jelen jelez jog
        jojjo jotal jovai jovo juliu juniu kanna kapcs kapja karas karty katti kedd
        kedde kedve kerde kerdo kerem keres kerju kerul kesz kesze keszu ket ketto
        key kezbe kezel kft kiall kiegy kifiz kis kisza kival kivan kod kolle konyh
        kor korul kosar koszi koszo kovac koves kovet kozle kozos kozot kulde kuldj
        kulon lakas lakat legke legut lehet leira lenne lent lenti lepes lerag lesz
        lesza letol level levon lezar lilla link linke magya mailb mailh majus mar
        marad marci masok masol meg megad megal megbi meger megfe megje megjo megka
        megke megny megpr megre megta megte megto megva melle menny ment ments menup
        mert milye minde minke mint mod modos molna mondj most munka nagyo nalun nap
        napja napko napon napot negy nek nekil nekun nel nelku nem nev nezhe nora
        novem nyilv nyiss nyito nyitv nyomd nyomk nyomo nyomt nyugt oktob oldal
        olvas one onhoz onlin onnek ont ora oraig oran order orizz oromm oruln ossza
        ossze oszta ota ottho packe panna par partn pay pdf pente penz penzt perc
        perce php pnta pntm polco pont ponto posta prest proba profo rajta rakta ref
        regge rekla remel rende rends repul resze rober rogto rogzi route rovid
        samed searc segit sel senki shop siker simon simpl sofor sokat soran sorsz
        statu strip sul sutob szall szam szaml szamo szamu szedi szege szekc szeke
        szekh szeme szep szept szerd szeri szerz szia szolg szolo szomb szoms szot
        sztor tajek talal tamas tapas tarol tarta tegna telef telep telje terke
        terme teszi tetel tetsz tiszt tol tolth tolts tovab trans tranz udv udvoz
        ugyfe ujra urlap utala utalj utan utanv utca utcai utnak utols uton uzeme
        uzene uzlet vagy vagyu valas valos valto vamke van vanna var varak varha
        varja varju varro varun vasar vegye vehet vele velem velun vetel vette vettu
        vida vii villa visa vissz viszi volt vontu webar webol websh wooco www xycvb
        zokni
    """,
    "de": """
        abbuc abend abgeb abgeg abgeh abgel abges abhol ablag abmel abonn absen
        acces accou adres aktiv aktue alleg alles als amtsg anbei ander angeg angeh
        angek angen anget anhan anlag anmel anseh antwo anzei anzus app apple april
        archi artik auch auf aufbe aufge auftr augus aus ausdr ausfu ausge ausst
        auswa auswe autom autor backt bahnh bald bank beant bearb beche bedin befin
        begli begon bei beim bekom belas beleg benac berei berli best besta beste
        betra betre betri bewah bewer bezah binne bis bitte bleib blitz bon bote
        bring buche butto code damen damit dank danke dann daran das dass datei
        daten dauer daume dein deine dem den depot der des dezem dhl die diens dient
        dies diese dir dokum donne dpd dran drauf drei druck durch eben ehrli ein
        eindr eine einen einer einga einge einka einli einma einsc elekt empfa empfe
        entfe erfah erfas erfol erful erhal erp erste erwar erzah erzeu etike etwa
        eur euro examp faceb fach fahre falls famil fange fcf febru fehlg fehlt
        ferti filia finde flex flieg folge formu fotob frage frau freit freue freun
        frist fruh funf fur garag garan geand geben gebra geehr gefal gefun geht
        gekla geld gelie gelun genug geoff gepac gerad gern gerne gesam gesch gesta
        geste getre gewah gewun gezah gilt ging gleic gls gmbh goerl gorli grund
        gruss gulti gut guten gutge gutsc habe haben hallo hande handl hangt hartw
        hat haupt helfe herme herr herre herun heute hier hierm hilfe hilft hinte
        hoch hoffe holen hotli html https iban ich idnr ihm ihn ihnen ihr ihre ihrem
        ihren ihrer ihres index infor inhal inkl inner insta invoi ist jahr jahre
        janua jeder jetzt jjd jonas juli juni kann karte karto kasse kauf kaufe
        kaufp kaufv key klarn klein klick klose kolle komme kommi kommt konne konnt
        konta konto kopie koste kredi kunde kundi kurie kurz kurze laden lager lampe
        lange laufe legen leide leipz lena letzt licht liebe liefe liegt link loren
        los losge mache maerz magen mai mail mante marti marz meier mein meinu menge
        merci mich minut mit mitge mitte mittw mogli molli monat monta morge mwst
        nach nachb nachm nachn nachr nachs naher name nehme nein netzt neue neuer
        neues newsl nicht niema nimmt noch notie novem numme nun nur nutze oder
        offen offne oktob onlin order paar packc packe packs paket partn pay paypa
        pdf php piece posit post postf preis prest priva produ profo prufe quitt
        rabat raus rechn recht refer regal reise rekla rezen route ruckf ruckg rufen
        runte sabin samme samst schic schli schne schon schre schul sechs sehen sehr
        seit seite selbs sende sendu septe servi shop shops shopw showr sich sie
        sind sitz sitzt skala sobal sofor sonnt sozia spare spate spedi speic statu
        staub stehe steht stell stern stopp str stras stric stuck stund summe syste
        tag tage tagen tages team teil teile teill telef thoma token track trans
        trust uber uberg ubers uberw ueber uhr umfra und uns unser unten unter ups
        ust veran verar verbu verfo verfu verga verka verla verpa versa versc verse
        versu vertr verwe viele vier visa volls vom von vor vorau vorbe vorka vormi
        wahre wahrs war ware waren warte was webse weg weil weite wende wenn werde
        werkt werkz wicht wider wie wiede wir wird woche wohnu wolle wooco worte
        wunsc wurde www zahla zahle zahlu zeige zeit zeitf zield zufri zugek zugeo
        zuges zum zur zuruc zusam zuste zuver zweck zwei zwisc
    """,
    "uk": """
        acces accou alleg apple barvi chek com dac daf dokum dpd ebf erp examp ffe
        fondy gls https index inpos invoi kasa key liqpa lwows maist meest nip novap
        order pay pdf php przem route shop token track trade visa wayfo wooco zavan
        або автом автор адрес актив анкет архів банк банко бачим без безко безпе
        берез берем близь блиск богда браку був буде будем будь була було бухга біля
        важли вам вами ванта варті вас ваш ваша ваше вашим вашог вашої вашу ваші
        вдало вдень вдома вдячн верес вже взявс вигот видат видач викон випад випра
        виста вишив виїха вказа вклад власн вміст вниз водій водіє враже вранц вруче
        вручи все вул вхід вчора вівто від відва відгу відді відкр відмо відні відпи
        відпо відпр відра відст візьм вітаю вітає гараж гараз гаран гарно годин
        готов готує гриве грн гроши гроші груде грудн дайте далі даних дані дата два
        делів день дивіт для дня дні днів добри добро довга довір догов додат додає
        доки докум допом дороз досві досит доста досту друзя друк друку дуже думка
        дякую дякує дячук дійсн дійшл діє елект етике жовте жовтн забер забра заван
        завер завтр задов зазви займе зайшл закле закри залиш замов запак запис
        запит запов зараз зарах зареє заста засто заход збере збері збира зверн
        зверт здали здано зміна зміне знайш знати знижк зранк зупин зірка зірки
        зірку зіроч ймові його йому кабін картк карті касов касі кварт квіте квітн
        києві київ кладу клієн кнопк ковал код кожну колег коли коман компл комір
        конта контр копія короб корот кошик кошти краве кравч купил купів кур кільк
        лампа ласка леся летит липен липня лист листа листо личит лише львів лютий
        лютог лінія магаз майст мален марія маєте мереж метою минул митни может
        можли можна між мій міста місці місяц надси надхо надій надіс надіш накла
        накле нам нами напиш нас наскі насту натал натис наш наша наших нашог нашом
        неділ незаб неї нижче нова нове новий новин новою нової новій номер нього
        ніког обран обрат оброб обсяз обіду одерж один одне одног одраз окрем олег
        олено онлай оновл опиту оплат оплач остан ось отрим оціни оцінк оціню оціні
        очіку пакув пакую пакує палец пане пані партн паспо пдв перев перег перед
        перек перем персо печет пилос питан плате платі поваг повер повно повні
        повід подал подоб поділ позиц покла покуп понед порад посил поста поточ
        потре почин пошта пошти пошто пошту пошті поїха право працю при прибу приве
        приві призн призу прийд прийн прийо прийш причи приїд про прове прода пройд
        пройш проси протя профо проха прохо пряжі пряму пункт під підпи підсу підтв
        підтр після пішла радо раз разом рахун рекві рекла реком робот робоч родин
        розді розка розпо розра років руках рушни рік садов сайт саме самов свого
        свій серед серпе серпн сидит систе склад скоро служи слів сорту софіє соціа
        списа сплат сплач спові сподо споді спосі спроб стату створ стежт сторі стіл
        стіль субот сума суму сусід сформ сього сіла січен січня так також тарас
        телеф тепер термі тижде тижня тижні ткач товар тому торт траве травн транз
        три трива ттн тут увече угору уже укрпо умови упако усе успіш файл факту
        форма фоток фірми фірмі фіска хвили хід цей центр цеху цим цього цільо ціна
        час части чашка чек чекає черве червн через четве чотир шанов швейн шкало
        школі шоуру штук щоб щойно щонай явило яжеть яка яке який яким якщо якіст
        ятниц ять ятьма єра єром інтер інфор іншим істор їде їдуть
    """,
}
